//! FindCoordinator: key 10.

use super::declare::prelude::*;

schema! {
    /// Asks who coordinates a group or a transaction; several of them from version 4 on.
    FindCoordinatorRequest<'a>: Request 10 "0-6" flexible "3+" {
        key: &'a str = "0-3";
        key_type: i8 = "1+";
        coordinator_keys: Vec<&'a str> = "4+";
    }

    /// Who does.
    FindCoordinatorResponse<'a>: Response 10 "0-6" flexible "3+" {
        throttle_time_ms: i32 = "1+";
        error_code: i16 = "0-3";
        error_message: Option<&'a str> = "1-3" null "1-3";
        node_id: i32 = "0-3";
        host: &'a str = "0-3";
        port: i32 = "0-3";
        coordinators: Vec<Coordinator<'a>> = "4+";
    }

    /// The coordinator of one key.
    Coordinator<'a> {
        key: &'a str = "4+";
        node_id: i32 = "4+";
        host: &'a str = "4+";
        port: i32 = "4+";
        error_code: i16 = "4+";
        error_message: Option<&'a str> = "4+" null "4+";
    }
}
