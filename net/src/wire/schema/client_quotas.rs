//! What operators bound clients by: DescribeClientQuotas and AlterClientQuotas, keys 48 and 49. Kafka has one name for
//! several structures of theirs, so each message has a module.

/// What is asked.
pub mod describe {
    use super::super::declare::prelude::*;

    schema! {
        /// Asks for quotas of the entities that match.
        DescribeClientQuotasRequest<'a>: Request 48 "0-1" flexible "1+" {
            components: Vec<ComponentData<'a>> = "0+";
            strict: bool = "0+";
        }

        /// What an entity must have to match.
        ComponentData<'a> {
            entity_type: &'a str = "0+";
            match_type: i8 = "0+";
            r#match: Option<&'a str> = "0+" null "0+";
        }
    }
}

/// What is told.
pub mod described {
    use super::super::declare::prelude::*;

    schema! {
        /// Their quotas.
        DescribeClientQuotasResponse<'a>: Response 48 "0-1" flexible "1+" {
            throttle_time_ms: i32 = "0+";
            error_code: i16 = "0+";
            error_message: Option<&'a str> = "0+" null "0+";
            entries: Option<Vec<EntryData<'a>>> = "0+" null "0+";
        }

        /// One entity.
        EntryData<'a> {
            entity: Vec<EntityData<'a>> = "0+";
            values: Vec<ValueData<'a>> = "0+";
        }

        /// A name of it.
        EntityData<'a> {
            entity_type: &'a str = "0+";
            entity_name: Option<&'a str> = "0+" null "0+";
        }

        /// A quota of it.
        ValueData<'a> {
            key: &'a str = "0+";
            value: f64 = "0+";
        }
    }
}

/// What is to change.
pub mod alter {
    use super::super::declare::prelude::*;

    schema! {
        /// Sets quotas, or takes them back.
        AlterClientQuotasRequest<'a>: Request 49 "0-1" flexible "1+" {
            entries: Vec<EntryData<'a>> = "0+";
            validate_only: bool = "0+";
        }

        /// One entity.
        EntryData<'a> {
            entity: Vec<EntityData<'a>> = "0+";
            ops: Vec<OpData<'a>> = "0+";
        }

        /// A name of it.
        EntityData<'a> {
            entity_type: &'a str = "0+";
            entity_name: Option<&'a str> = "0+" null "0+";
        }

        /// A change.
        OpData<'a> {
            key: &'a str = "0+";
            value: f64 = "0+";
            remove: bool = "0+";
        }
    }
}

/// What became of it.
pub mod altered {
    use super::super::declare::prelude::*;

    schema! {
        /// The entities.
        AlterClientQuotasResponse<'a>: Response 49 "0-1" flexible "1+" {
            throttle_time_ms: i32 = "0+";
            entries: Vec<EntryData<'a>> = "0+";
        }

        /// One entity.
        EntryData<'a> {
            error_code: i16 = "0+";
            error_message: Option<&'a str> = "0+" null "0+";
            entity: Vec<EntityData<'a>> = "0+";
        }

        /// A name of it.
        EntityData<'a> {
            entity_type: &'a str = "0+";
            entity_name: Option<&'a str> = "0+" null "0+";
        }
    }
}
