//! What share groups are to forget: DeleteShareGroupOffsets, key 92.

use super::declare::prelude::*;

schema! {
    /// Asks a group to forget topics.
    DeleteShareGroupOffsetsRequest<'a>: Request 92 "0" flexible "0+" {
        group_id: &'a str = "0+";
        topics: Vec<DeleteShareGroupOffsetsRequestTopic<'a>> = "0+";
    }

    /// One topic.
    DeleteShareGroupOffsetsRequestTopic<'a> {
        topic_name: &'a str = "0+";
    }

    /// Whether it did.
    DeleteShareGroupOffsetsResponse<'a>: Response 92 "0" flexible "0+" {
        throttle_time_ms: i32 = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+" default None;
        responses: Vec<DeleteShareGroupOffsetsResponseTopic<'a>> = "0+";
    }

    /// One topic.
    DeleteShareGroupOffsetsResponseTopic<'a> {
        topic_name: &'a str = "0+";
        topic_id: Uuid = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+" default None;
    }
}
