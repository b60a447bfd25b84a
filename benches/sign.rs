//! What each request to a bucket is signed with.

mod fixture;

use std::hint::black_box;

use apus_core::extent::pack_key;
use apus_store::s3::Credentials;
use apus_store::s3::sign::{Canonical, UNSIGNED_PAYLOAD, authorization};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fixture::pack_id;

fn sign(criterion: &mut Criterion) {
    let credentials = Credentials {
        access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
        session_token: None,
    };
    let path = format!("/bucket/{}", pack_key("cluster", pack_id(1)));
    let headers = [
        ("host", "bucket.s3.eu-central-1.amazonaws.com"),
        ("x-amz-checksum-crc32c", "yZRlqg=="),
        ("x-amz-content-sha256", UNSIGNED_PAYLOAD),
        ("x-amz-date", "20130524T000000Z"),
    ];
    let put = Canonical { method: "PUT", path: &path, query: "", headers: &headers, payload: UNSIGNED_PAYLOAD };
    let mut group = criterion.benchmark_group("authorization");
    group.throughput(Throughput::Elements(1));
    group.bench_function("put", |bencher| {
        bencher.iter(|| authorization(&credentials, "eu-central-1", "20130524T000000Z", black_box(&put)));
    });
}

criterion_group! { name = benches; config = fixture::criterion(); targets = sign }
criterion_main!(benches);
