//! One suite over three databases. SQLite always; MariaDB/MySQL and PostgreSQL where the environment
//! says how to reach them (`STOA_TEST_MYSQL_URL`, `STOA_TEST_POSTGRES_URL`; `tests/databases` starts
//! both). A test gets a database of its own, migrated, and an order book of fixtures.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod accounts;
mod bed;
mod certificates;
mod corrupt;
mod dns;
mod domains;
mod full;
mod jobs;
mod leases;
mod log;
mod measure;
mod migrate;
mod rest;
mod sites;
mod tasks;
mod traffic;
mod tx;

use bed::{Bed, Kind};

/// Declares every test once for each database.
macro_rules! suite {
    ($($module:ident { $($test:ident,)* })*) => {
        suite!(@ sqlite Sqlite $($module { $($test)* })*);
        suite!(@ mysql MySql $($module { $($test)* })*);
        suite!(@ postgres Postgres $($module { $($test)* })*);
    };
    (@ $name:ident $kind:ident $($module:ident { $($test:ident)* })*) => {
        mod $name {
            $(mod $module {$(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    $crate::Bed::run($crate::Kind::$kind, $crate::$module::$test).await;
                }
            )*})*
        }
    };
}

suite! {
    accounts {
        a_customer_reads_back,
        an_address_is_taken_once,
        staff_and_passwords,
        sessions_follow_their_account,
        tokens,
    }
    sites {
        a_site_reads_back_exactly,
        hostile_texts_read_back_exactly,
        two_orders_of_one_hostname,
        a_customer_sees_only_his_own,
        pages_go_newest_first,
        staff_filters,
        moves_are_checked_and_compared,
        a_tombstone_frees_and_erases,
        all_live_ones_a_few_at_a_time,
        routes_in_one_query,
    }
    domains {
        claims_read_back_and_collide_within_a_site,
        who_proves_a_name_has_it,
        eight_prove_one_name_at_once,
        a_main_name_stays_and_the_platforms_own_too,
        a_site_that_is_being_deleted_gets_none_and_can_give_its_main_one_up,
        what_a_site_is_told_and_may_use,
        who_waits_the_longest_is_due_first,
        a_proven_one_with_a_problem_is_due_as_a_claim_is,
        a_look_that_began_earlier_takes_nothing_back,
        what_stays_open_is_looked_at_less_often,
        one_domain_at_most_is_wanted_as_the_main_one,
        a_claim_that_was_proven_does_not_run_out,
        a_site_that_ends_frees_its_names,
    }
    certificates {
        certificates_live_until_retired_or_expired,
        one_that_cant_be_read_takes_no_other_with_it,
        an_uploaded_one_ends_with_its_site,
        orders_are_kept_by_subject,
        an_order_is_changed_in_parts,
        tries_are_counted,
        an_account_by_its_key,
    }
    traffic {
        hours_add_up,
        two_count_the_same_hour,
        a_thousand_sites_in_one_go,
    }
    dns {
        records_by_name_and_kind,
    }
    leases {
        thirty_leases_at_once_are_distinct,
        the_next_free_lease_around_what_is_taken,
        a_lease_given_back_rests_until_the_pool_has_been_gone_through,
        a_full_pool_is_exhausted,
        a_wrong_hint_hides_no_lease,
    }
    jobs {
        one_unfinished_job_per_site,
        two_claimers_never_share,
        a_lost_lease_writes_nothing,
        a_released_job_is_taken_at_once,
        stuck_occupies_until_reopened_and_ended,
        the_oldest_comes_first,
    }
    log {
        events_read_back_in_order,
        an_old_epoch_writes_nothing,
        notes_are_kept_up_to_a_bound,
    }
    tasks {
        done_retried_given_up,
        a_key_waits_once,
        two_claimers_never_share,
    }
    rest {
        secrets_belong_to_their_job,
        backup_schedules,
        audit_and_events,
        idempotency,
        meta_and_versions,
    }
    corrupt {
        a_title_that_is_none,
        a_route_that_is_none_takes_no_other_with_it,
        a_domain_that_is_none_takes_no_other_with_it,
        an_order_of_a_certificate_that_is_none_takes_no_other_with_it,
        a_log_that_is_none,
    }
    migrate {
        twice_and_at_once,
        a_newer_database_is_refused,
    }
    tx {
        dropped_is_rolled_back,
        busy_is_retried,
        a_real_deadlock_is_busy,
        thirty_orders_at_once,
    }
}
