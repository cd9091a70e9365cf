//! One suite for three databases: always SQLite, and MariaDB/MySQL and PostgreSQL if the environment has their URLs
//! (`STOA_TEST_MYSQL_URL`, `STOA_TEST_POSTGRES_URL`; `tests/databases` starts both). Each test gets its own migrated
//! database and fixtures.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod accounts;
mod audit;
mod bed;
mod certificates;
mod corrupt;
mod dns;
mod domains;
mod explain;
mod full;
mod jobs;
mod leases;
mod listing;
mod log;
mod mail;
mod mails;
mod measure;
mod migrate;
mod rest;
mod retention;
mod sites;
mod staff;
mod storage;
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
        an_address_is_unique,
        staff_and_passwords,
        sessions_follow_their_account,
        tokens,
        a_code_is_accepted_once_also_by_two_connections,
        recovery_codes_work_once_and_end_with_the_factor,
        a_login_flow_has_so_many_tries_and_ends,
        failed_logins_are_counted_in_a_row,
        people_read_back_and_keep_their_organization_in_step,
        members_and_invitations,
        notes_about_a_customer,
        a_passkey_is_unique_and_used_by_one_login_at_a_time,
        a_challenge_is_taken_once_by_whom_it_is_for,
        a_mailed_secret_is_used_once,
    }
    audit {
        each_tampering_is_found,
        a_cut_end_is_found,
        a_changed_end_is_reported_and_the_chain_continues,
        unsigned_entries_are_from_before_the_chain_or_foreign,
        old_entries_leave_a_checkpoint,
        two_processes_write_and_seal_at_once,
        a_check_of_the_newest_begins_in_the_middle,
    }
    staff {
        an_account_reads_back_in_all_its_states,
        sessions_of_a_deactivated_account_are_none,
        two_super_admins_demoted_at_once_leave_one,
    }
    listing {
        each_site_is_in_the_group_of_its_status,
        sites_are_found_sorted_and_paged,
        customers_jobs_domains_and_audit_are_found,
    }
    sites {
        a_site_reads_back_exactly,
        hostile_texts_read_back_exactly,
        two_orders_of_one_hostname,
        a_customer_sees_only_their_own,
        pages_go_newest_first,
        staff_filters,
        moves_are_checked_and_compared,
        a_tombstone_frees_and_erases,
        live_sites_in_batches,
        routes_in_one_query,
        sites_that_have_been_down_for_a_while,
    }
    domains {
        claims_read_back_and_collide_within_a_site,
        the_first_to_verify_a_name_gets_it,
        eight_verify_one_name_at_once,
        the_main_name_and_the_platforms_name_are_kept,
        a_site_being_deleted_gets_no_domain_and_can_lose_its_main_one,
        url_and_limits_of_a_site,
        the_longest_waiting_is_due_first,
        a_verified_domain_with_a_problem_is_due_like_a_claim,
        an_earlier_check_does_not_overwrite_a_later_one,
        old_open_domains_are_checked_less_often,
        at_most_one_domain_is_wanted_as_the_main_one,
        a_verified_claim_does_not_expire,
        a_purged_site_frees_its_names,
        a_name_rests_for_its_former_owner,
        attempts_are_counted_by_customer,
    }
    certificates {
        certificates_live_until_retired_or_expired,
        an_unreadable_certificate_is_skipped,
        an_uploaded_certificate_ends_with_its_site,
        orders_are_kept_by_subject,
        an_order_is_changed_partially,
        attempts_are_counted,
        an_account_by_its_key,
    }
    mail {
        a_message_reads_back_until_nobody_waits_for_it,
        sites_take_turns_and_messages_keep_their_order,
        two_workers_never_share_a_message,
        old_mail_and_that_of_a_purged_site_goes,
    }
    storage {
        storage_is_replaced_and_limits_bodies,
    }
    traffic {
        hours_add_up,
        two_writers_count_the_same_hour,
        a_thousand_sites_at_once,
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
        customers_take_turns,
        lanes_are_apart,
        what_nobody_claimed_is_cancelled_at_once,
    }
    log {
        events_read_back_in_order,
        an_old_epoch_writes_nothing,
        notes_are_kept_up_to_a_bound,
    }
    tasks {
        done_retried_given_up,
        a_dedupe_key_waits_once,
        two_claimers_never_share,
    }
    mails {
        attempts_of_one_key_are_one_entry,
        the_log_is_searched_counted_paged_and_pruned,
        addresses_are_suppressed_once,
    }
    rest {
        secrets_belong_to_their_job,
        backup_schedules,
        audit_and_events,
        idempotency,
        meta_and_versions,
        attempts_are_counted_for_all_processes_together,
        messages_reach_all_who_listen,
    }
    corrupt {
        unreadable_columns_of_a_site,
        an_unreadable_route_is_skipped,
        an_unreadable_domain_is_skipped,
        an_unreadable_certificate_order_is_skipped,
        an_unreadable_log,
    }
    explain {
        frequent_queries_use_indexes,
    }
    retention {
        old_jobs_and_their_logs,
        old_events,
    }
    migrate {
        twice_and_at_once,
        a_newer_database_is_refused,
        a_newer_database_that_permits_this_release_is_used,
    }
    tx {
        dropped_is_rolled_back,
        busy_is_retried,
        a_real_deadlock_is_busy,
        thirty_orders_at_once,
    }
}
