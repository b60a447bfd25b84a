//! Words of the tests that go from requests to answers.

/// Decodes a borrowed answer; a macro because the answer borrows from a frame that lives here.
macro_rules! answer {
    ($message:ty, $version:expr, $response:expr, |$found:ident| $check:expr) => {{
        let frame = encode_response(&mut Writer::new(), $version, 42, $response).frame().expect("an answer");
        let body = frame.body();
        let (correlation, $found) = decode_response::<$message>(&body, $version).expect("our own answer");
        assert_eq!(correlation, 42);
        $check
    }};
}

macro_rules! expect {
    ($variant:ident, $request:expr) => {
        match $request {
            Request::$variant(request) => request,
            other => panic!("{other:?}"),
        }
    };
}
