//! Every bound, with the arithmetic that justifies it. Relations between them are asserted at compile time.

/// Unit of size.
pub const KIB: u64 = 1 << 10;
/// Unit of size.
pub const MIB: u64 = 1 << 20;

/// Events a core steps before it performs their effects: at ~1 us each, a drain stays far below the 1 ms preemption.
pub const STEP_BUDGET: usize = 256;

/// Reply bytes that weigh as much as another request in a drain, so that a drain ends after 1 MiB of them: Metadata of
/// 20,000 partitions, half of that, takes milliseconds, and what is replied leaves only when the drain has ended.
pub const REPLY_BYTES_STEP: u64 = 4 * KIB;

/// Cores of a broker. Tickets and connection ids carry a core in 16 bits; 64 is a large machine already.
pub const CORES_MAX: usize = 64;

/// Messages an inbox holds. Each core may owe another at most `INBOX_MESSAGES / CORES_MAX` unanswered requests.
pub const INBOX_MESSAGES: usize = 16_384;

/// What the cache reads and keeps: one GET, one entry. 1 MiB is ~15 ms of a 70 MB/s S3 connection.
pub const BLOCK_BYTES: u64 = MIB;

/// A pack is sealed at `diskless.pack.bytes.target`; one more request may land on top of it.
pub const PACK_BYTES_MAX: u64 = 1 << 30;

/// Batches of one flush, and extents of one spill: a pack with so many is sealed, and a request with more is several
/// flushes. 16,384 of them are 640 KiB of a command, which with the largest inline flush stays below
/// [`COMMAND_BYTES_MAX`]; of the smallest batches there are, they are a pack of 1 MiB.
pub const PACK_BATCHES_MAX: usize = 16_384;

/// A batch of a flush in its command: 40 bytes, and room for a later version of it.
pub const COMMIT_BATCH_BYTES_MAX: u64 = 48;

/// An extent that moves, in its command: 37 bytes, 8 for the journal home that it may have had to itself, and room.
pub const REHOME_EXTENT_BYTES_MAX: u64 = 56;

/// What a command of many parts holds beside them: header, envelope, the pack's id, the principal's name.
pub const COMMAND_HEAD_BYTES_MAX: u64 = 64 * KIB;

/// Slices below this are copied once into the pack's own buffer; a contiguous body costs less than a long list.
pub const COPY_BYTES_MAX: usize = 32 << 10;

/// Batches below this are copied into a fetch response with their stamp; larger ones are spliced.
pub const SPLICE_BYTES_MIN: usize = 8 << 10;

/// A flush of at most this rides in the journal, where journal and store are equally durable; one group with its
/// command. Measured against 64 KiB, with one producer of five 16 KiB batches a partition in flight: 31 MB/s instead of
/// 7, and one object for each 4 MiB instead of one for each 356 KiB, since `diskless.put.rate.max` no longer paces what
/// needs no object. The price is that such bytes are written twice.
pub const INLINE_BYTES_MAX: u64 = 960 * KIB;

/// Inline bytes are pinned in memory until spilled; beyond this, flushes become packs instead.
pub const INLINE_HELD_BYTES_MAX: u64 = 32 * MIB;

/// A spill starts at this many inline bytes, or at [`SPILL_AGE_MS_MAX`].
pub const SPILL_BYTES_MIN: u64 = 4 * MIB;

/// The oldest inline byte waits at most this long for its spill.
pub const SPILL_AGE_MS_MAX: u64 = 10_000;

/// The journal's unit of writing: one block of the disk.
pub const JOURNAL_BLOCK_BYTES: u64 = 4 * KIB;

/// Bytes of one group. A group holds at least one command whatever its size; see [`COMMAND_BYTES_MAX`].
pub const GROUP_BYTES_MAX: u64 = MIB;

/// The first segment of a journal: small, so that the first start is instant.
pub const SEGMENT_FIRST_BYTES: u64 = 4 * MIB;

/// All later segments, zeroed in the background.
pub const SEGMENT_BYTES: u64 = 64 * MIB;

/// One command in the journal, inline bytes included: the largest CreateTopics request stays below.
pub const COMMAND_BYTES_MAX: u64 = 2 * MIB;

/// Journal on disk, then writes are refused and reads go on.
pub const JOURNAL_BYTES_MAX: u64 = 1 << 30;

/// Snapshot after this many journal bytes …
pub const SNAPSHOT_JOURNAL_BYTES: u64 = 64 * MIB;

/// … or after this long, where anything changed.
pub const SNAPSHOT_AGE_MS: u64 = 60_000;

/// One part of the ledger's state, shared between a snapshot and the state that moves on.
pub const CHUNK_BYTES_MAX: usize = 64 << 10;

/// Live extents: 32 bytes each, 320 MB.
pub const EXTENTS_MAX: u64 = 10_000_000;

/// Live producers over all partitions: ~120 bytes each, 120 MB.
pub const PRODUCERS_MAX: u64 = 1_000_000;

/// The longest pause between two rounds of flushes while the ledger is nearly full. It grows from nothing at nine
/// tenths of a cap, so the last tenth of the extents lasts ~100 s with 10,000 partitions that are written all the
/// time, and ~1,000 s with 1,000: retention comes in between. Every client's request still ends well within 30 s.
pub const THROTTLE_PAUSE_MS_MAX: u64 = 2_000;

/// Partitions of the cluster: ~160 bytes each in the ledger.
pub const PARTITIONS_MAX: u64 = 1_000_000;

/// Partitions that one CreateTopics may ask for, over all of its topics (a command of them stays below its limit).
pub const PARTITIONS_CREATE_MAX: u64 = 100_000;

/// Batches of a producer and partition that are remembered: Kafka's own number.
pub const PRODUCER_BATCHES: usize = 5;

/// Topics that one Metadata request may create on the way; the client asks again for the others.
pub const AUTO_CREATE_TOPICS_MAX: usize = 100;

/// Partitions of one page of DescribeTopicPartitions (`max.request.partition.size.limit`): Kafka's own number.
pub const DESCRIBED_PARTITIONS_MAX: i32 = 2_000;

/// Consumer groups, empty ones included: ~300 bytes each without their members, 30 MB. Groups that gather their first
/// generation when the last of these is taken are stored all the same: twice as many at most.
pub const GROUPS_MAX: u64 = 100_000;

/// Groups and subscriptions with settings of their own …
pub const RESOURCES_MAX: u64 = 10_000;

/// … and the bytes of their names and settings, which every core shares: 800 for each.
pub const RESOURCE_BYTES_MAX: u64 = 8 * MIB;

/// Entities with quotas: every core holds them, at ~300 bytes each …
pub const QUOTAS_MAX: u64 = 10_000;

/// … and the bytes of their names: 400 for each.
pub const QUOTA_BYTES_MAX: u64 = 4 * MIB;

/// Clients whose use of a quota a core measures: with twelve windows of 32 bytes each, 5 MiB. Further ones share a meter.
pub const QUOTA_METERS_MAX: usize = 10_000;

/// How often meters that count nothing any more are looked for, where there is no room.
pub const QUOTA_SWEEP_MS: u64 = 1_000;

/// How often cores tell each other what clients with quotas used: the least window, of a second, is a hundred of these, and
/// with 64 cores each hears 6,300 messages a second at most.
pub const QUOTA_EXCHANGE_MS: u64 = 10;

/// Meters that a scrape tells: one series of ~100 bytes each.
pub const QUOTA_USES_MAX: usize = 1_000;

/// Clients of a core that were heard of their metrics: Kafka's own number. ~500 bytes each, 8 MiB; the one that was silent
/// for longest gives way.
pub const TELEMETRY_INSTANCES_MAX: usize = 16_384;

/// Numbers of all of them that a core keeps and a scrape tells: 600 bytes each with their names, 6 MB …
pub const TELEMETRY_SERIES_MAX: usize = 10_000;

/// … and those of one client. A Java consumer of a hundred partitions has ~400.
pub const TELEMETRY_INSTANCE_SERIES_MAX: usize = 1_000;

/// A number's name and attributes; longer ones are left out.
pub const TELEMETRY_NAME_BYTES_MAX: usize = 512;

/// The silence, at least, after which a client is forgotten: Kafka's own number.
pub const TELEMETRY_EXPIRY_MS_MIN: u64 = 60_000;

/// What the members of one group say of themselves, beside a fixed cost for each: a group of a thousand members with two
/// strategies of 400 bytes. A join beyond is GROUP_MAX_SIZE_REACHED. In a group of the consumer protocol, members of the
/// classic one count with their strategies as well as with their topics.
pub const GROUP_MEMBERS_BYTES_MAX: u64 = MIB;

/// What the leader of one group assigns. Together with [`GROUP_MEMBERS_BYTES_MAX`] it must fit one command.
pub const GROUP_ASSIGNMENT_BYTES_MAX: u64 = 512 * KIB;

/// Partitions that one group of the consumer protocol is assigned; of topics beyond it nobody gets any. A change of
/// targets names each up to three times, in 4 bytes: 384 KiB beside [`GROUP_MEMBERS_BYTES_MAX`].
pub const CONSUMER_PARTITIONS_MAX: usize = 32_768;

/// Tasks that one streams group is assigned, replicas of states included. A change of targets names each up to three
/// times, in 12 bytes: 576 KiB beside [`GROUP_MEMBERS_BYTES_MAX`], which its topology counts towards too.
pub const STREAMS_TASKS_MAX: usize = 16_384;

/// What all streams groups compute, those without members included: an application of a hundred topics says 10 KiB, so
/// some thousand applications. A new one beyond is GROUP_MAX_SIZE_REACHED.
pub const STREAMS_TOPOLOGY_BYTES_MAX: u64 = 64 * MIB;

/// How far states of tasks came, as members of one streams group said last: 32 bytes each, 2 MiB. What is said beyond is
/// not kept: it only ranks who gets a replica.
pub const STREAMS_OFFSETS_MAX: usize = 65_536;

/// Ids of one group that were given to members and not used yet, until their session ends. Not counted as members; a
/// client that asks for a new one each time it connects must not fill its group.
pub const GROUP_PENDING_MAX: usize = 10_000;

/// What the members of all groups say of themselves and are assigned: a thousand members in each of 300 groups.
pub const MEMBERSHIP_BYTES_MAX: u64 = 256 * MIB;

/// Committed offsets of all groups: ~120 bytes each with both indexes, 120 MB.
pub const GROUP_OFFSETS_MAX: u64 = 1_000_000;

/// Committed offsets whose lag a scrape tells: 2 series of ~100 bytes each, 200 KiB; gathering them takes core 0 ~0.5 ms.
pub const GROUP_LAGS_MAX: usize = 1_000;

/// What clients keep beside committed offsets, of all groups.
pub const OFFSET_METADATA_BYTES_MAX: u64 = 64 * MIB;

/// One OffsetCommit, as it is journaled: Kafka's own bound is a batch of its offsets topic.
pub const OFFSET_COMMIT_BYTES_MAX: u64 = MIB;

/// Share partitions of all share groups, each a partition that a group began to share: ~120 bytes each, 12 MB.
pub const SHARE_PARTITIONS_MAX: u64 = 100_000;

/// Runs of records of share partitions that are neither untouched nor done with: 24 bytes each, ~100 MB. Beyond it no
/// further records are given out, until members acknowledge what they have.
pub const SHARE_BATCHES_MAX: u64 = 4_000_000;

/// Runs of records that one command changes: 24 bytes each, and a head for each partition. What a member acknowledges of
/// one partition is one command, and of no more than these: it has no more records at a time than
/// `group.share.partition.max.record.locks`, 10,000 at most.
pub const SHARE_CHANGES_MAX: usize = 16_384;

/// Partitions in all share sessions together: ~60 bytes each, 60 MB.
pub const SHARE_WATCHES_MAX: usize = 1_000_000;

/// Producer ids reserved by one command, so that InitProducerId costs a journal write once in a thousand.
pub const PRODUCER_ID_BLOCK: i64 = 1_000;

/// Extents that a catch-up look-up returns at least, where there are so many.
pub const LOCATE_EXTENTS_MIN: usize = 64;

/// Recent extents that a tail keeps for its readers; older ones are asked of the ledger.
pub const TAIL_EXTENTS_MAX: usize = 16;

/// Tails of a core that nobody watches and that are kept a while for a reader without a session.
pub const TAILS_IDLE_MAX: usize = 1_024;

/// What the records of one batch may decompress to when they are opened, whatever `max.decompressed.message.bytes` says:
/// some hundred times the default `max.message.bytes`.
pub const DECOMPRESSED_BYTES_MAX: usize = 128 << 20;

/// Records of one refused batch that a Produce answer names as its reason.
pub const RECORD_ERRORS_MAX: usize = 1_024;

/// Requests of one connection that are neither answered nor refused.
pub const CONNECTION_REQUESTS_MAX: usize = 128;

/// Bytes of a request without records; only Produce may use all of `socket.request.max.bytes`. A request that names
/// [`PARTITIONS_MAX`] topics or partitions has 64 bytes for each: a long name, or an entry of a Fetch (33).
pub const REQUEST_BYTES_MAX: usize = 64 << 20;

/// What one entry of a request's lists is taken to cost until its answer has left: decoded, in the core's words, answered
/// in the core's words and in the schema's, and encoded. A name that is nobody's in Metadata takes ~240 bytes, a key of
/// FindCoordinator that is refused with a sentence ~280.
pub const ENTRY_BYTES: usize = 256;

/// The same for an entry that is a number: a partition's index, ~190 bytes in OffsetFetch, of which a million must pass.
pub const NUMBER_BYTES: usize = 128;

/// What the lists of one request may cost at most: [`PARTITIONS_MAX`] entries of [`ENTRY_BYTES`] …
pub const REQUEST_MEMORY_MAX: usize = 256 << 20;

/// … and of a short request so much …
pub const REQUEST_MEMORY_MIN: usize = 32 << 20;

/// … and for each of its bytes so much more: entries of eight bytes, as names with their lengths are, always pass. Of
/// shorter ones 130,000 do; more of them are no request of anybody's.
pub const REQUEST_MEMORY_FACTOR: usize = 32;

/// Resources of one DescribeConfigs or IncrementalAlterConfigs: 10,000 topics with 33 rows of ~130 bytes each are 43 MB
/// while their answer is written. Kafka's tools name all topics at once.
pub const REQUEST_RESOURCES_MAX: usize = 10_000;

/// Bytes of one answer; one that would be longer closes its connection. The longest that is worth having is Metadata of
/// [`PARTITIONS_MAX`] topics with one partition each and names of 80 letters; Fetch has [`FETCH_BYTES_MAX`] and 50
/// bytes for each partition.
pub const ANSWER_BYTES_MAX: usize = 128 << 20;

/// Reply bytes of one connection that its client has not read; then reading stops.
pub const CONNECTION_REPLY_BYTES_MAX: u64 = MIB;

/// Reply bytes of a core that clients have not read, beyond which reply memory is short: no request begins whose answer
/// may be large, and clients that read nothing are closed, after half a minute or, where others wait for their memory,
/// after [`REPLY_STALL_MS_SHORT`]. What had begun before may still be answered, so that a core holds as much again at
/// most, and one answer.
pub const REPLY_BYTES_SHORT: u64 = 64 * MIB;

/// Reply bytes of a core beyond which clients that read nothing are closed early whether others wait or not.
pub const REPLY_BYTES_MAX: u64 = 2 * REPLY_BYTES_SHORT;

/// Where clients are closed early, there is room for others when so much is left.
pub const REPLY_BYTES_EASED: u64 = REPLY_BYTES_SHORT / 2;

/// How long a client may read nothing while others wait for the memory of its replies: a pause of its collector passes.
pub const REPLY_STALL_MS_SHORT: u64 = 1_000;

/// How long a client must have read its replies at once before it counts as one that reads: such a one is answered up to
/// [`REPLY_BYTES_MAX`], so that strangers who come to read nothing do not keep it waiting.
pub const READER_MS_MIN: u64 = 10_000;

/// A request of at most this, of an API whose answers follow from what is asked, is answered however short memory is.
pub const REQUEST_BYTES_SMALL: usize = 64 << 10;

/// What a connection's buffer starts at for a large frame. Huge pages make all of it resident: ten thousand connections
/// that send a length and no more would take 10 GB of a megabyte each, and take 40 MB.
pub const RECEIVE_BYTES_FIRST: usize = 4 << 10;

/// Then there is room for so many times what has come, so that little of it is moved …
pub const RECEIVE_FACTOR: usize = 16;

/// … up to this; then the buffer doubles as bytes arrive.
pub const RECEIVE_BYTES_STEP: usize = 1 << 20;

/// Partitions that one fetch locates at a time; the others are first in the next one. Look-ups of offsets ask for as
/// many at a time, and for the others when these are answered.
pub const LOCATES_MAX: usize = 1_000;

/// How often a reader looks again for bytes that moved to another home, before it reports a fault of the store. A byte
/// moves once, from the journal to a pack; the other times are for what a core has not heard of yet.
pub const MOVES_MAX: u32 = 4;

/// Fetch sessions of a core at most, whatever `max.incremental.fetch.session.cache.slots` says (1,000 by default); the
/// oldest idle one gives way. What they watch is bounded by [`WATCHES_MAX`].
pub const FETCH_SESSIONS_MAX: usize = 10_000;

/// Partitions watched by the fetch sessions of a core; a request beyond is served without a session.
pub const WATCHES_MAX: usize = 1_000_000;

/// Bytes that the cold reads of one core may have under way: lagging readers never crowd out a produce.
pub const COLD_READ_BYTES_MAX: u64 = 64 * MIB;

/// Packs of a core that are remembered as damaged once; then it begins anew, and a damaged one is read once more.
pub const DOUBTED_PACKS_MAX: usize = 1_024;

/// The smallest disk tier of the cache: eight of the engine's units of eviction, of sixteen blocks each; with fewer, most
/// of it would be under eviction.
pub const CACHE_DISK_BYTES_MIN: u64 = 8 * 16 * BLOCK_BYTES;

/// Bytes of one fetch answer, whatever the client asks for (`fetch.max.bytes` of the broker: 55 MiB).
pub const FETCH_BYTES_MAX: u64 = 55 * MIB;

/// Extents that one look-up by time reads at most: more than one or two only where batches claim times that none of
/// their records has, or where the first offset lies inside an extent.
pub const OFFSET_READS_MAX: u32 = 64;

/// Uploads at most that may be unresolved, so that a connection's dependency set fits one word.
pub const UPLOADS_MAX: usize = 64;

/// Outcomes of packs that are remembered behind the number below which all are resolved.
pub const PACK_WINDOW: u64 = 64;

const _: () = assert!(REQUEST_BYTES_MAX as u64 >= PARTITIONS_MAX * 64);
const _: () = assert!(REQUEST_MEMORY_MAX as u64 >= PARTITIONS_MAX * ENTRY_BYTES as u64);
const _: () = assert!(ANSWER_BYTES_MAX as u64 > FETCH_BYTES_MAX + PARTITIONS_MAX * 50);
const _: () = assert!(ANSWER_BYTES_MAX < i32::MAX as usize);
const _: () = assert!(INLINE_BYTES_MAX <= GROUP_BYTES_MAX);
const _: () = assert!(
    PACK_BATCHES_MAX as u64 * COMMIT_BATCH_BYTES_MAX + INLINE_BYTES_MAX + COMMAND_HEAD_BYTES_MAX <= COMMAND_BYTES_MAX
);
const _: () = assert!(PACK_BATCHES_MAX as u64 * REHOME_EXTENT_BYTES_MAX + COMMAND_HEAD_BYTES_MAX <= COMMAND_BYTES_MAX);
const _: () = assert!(GROUP_BYTES_MAX + COMMAND_BYTES_MAX < SEGMENT_FIRST_BYTES);
const _: () = assert!(COMMAND_BYTES_MAX.is_multiple_of(JOURNAL_BLOCK_BYTES));
const _: () = assert!(SEGMENT_BYTES.is_multiple_of(JOURNAL_BLOCK_BYTES));
const _: () = assert!(SEGMENT_FIRST_BYTES.is_multiple_of(JOURNAL_BLOCK_BYTES));
const _: () = assert!(SPILL_BYTES_MIN < INLINE_HELD_BYTES_MAX);
// Names of a group, its protocol and its leader are at most 32 KiB each.
const _: () = assert!(GROUP_MEMBERS_BYTES_MAX + GROUP_ASSIGNMENT_BYTES_MAX + 256 * KIB < COMMAND_BYTES_MAX);
const _: () = assert!(GROUP_MEMBERS_BYTES_MAX + 12 * CONSUMER_PARTITIONS_MAX as u64 + 256 * KIB < COMMAND_BYTES_MAX);
const _: () = assert!(GROUP_MEMBERS_BYTES_MAX + 36 * STREAMS_TASKS_MAX as u64 + 256 * KIB < COMMAND_BYTES_MAX);
const _: () = assert!(OFFSET_COMMIT_BYTES_MAX < COMMAND_BYTES_MAX);
const _: () = assert!(UPLOADS_MAX as u64 <= PACK_WINDOW);
