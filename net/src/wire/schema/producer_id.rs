//! InitProducerId: key 22. Version 6 (two-phase commit) is unstable in Kafka 4.4 and not served.

use super::declare::prelude::*;

schema! {
    /// Asks for a producer id, or for the next epoch of a transactional one.
    InitProducerIdRequest<'a>: Request 22 "0-6" flexible "2+" {
        transactional_id: Option<&'a str> = "0+" null "0+";
        transaction_timeout_ms: i32 = "0+";
        producer_id: i64 = "3+" default -1;
        producer_epoch: i16 = "3+" default -1;
        enable2_pc: bool = "6+";
        keep_prepared_txn: bool = "6+";
    }

    /// The producer id and its epoch.
    InitProducerIdResponse: Response 22 "0-6" flexible "2+" {
        throttle_time_ms: i32 = "0+";
        error_code: i16 = "0+";
        producer_id: i64 = "0+" default -1;
        producer_epoch: i16 = "0+";
        ongoing_txn_producer_id: i64 = "6+" default -1;
        ongoing_txn_producer_epoch: i16 = "6+" default -1;
    }
}
