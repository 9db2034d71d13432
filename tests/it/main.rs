//! Tests of the whole system. The name of each module is the sentence that its tests show.
//!
//! They are one program so that it is linked once. Its tests run in parallel; those that need a
//! process of their own are in `tests/alone`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(clippy::duplicate_mod, reason = "both benchmarks have the module of the server process")]

mod support;

mod a_devnet_is_for_pipelines;
mod a_failing_system_is_not_damage;
mod a_folder_begins_at_any_block;
mod a_full_disk_loses_nothing;
mod a_hangup_reloads_or_stops_the_server;
mod a_killed_genesis_import_resumes;
mod a_missing_thread_is_an_error;
mod a_moved_folder_stores_nothing;
mod a_node_is_followed;
mod a_node_may_fail_and_revert;
mod a_node_may_have_extreme_blocks;
mod a_power_failure_loses_what_was_not_synced;
mod a_reopened_server_serves_everything;
mod acknowledged_transactions_survive_kills;
mod aggregated_operations_leave_no_gap;
mod an_error_while_opening_loses_nothing;
mod an_idle_server_is_small;
mod backups_restore_everything;
mod bad_input_gets_a_clear_answer;
mod benchmark_figures_are_sound;
mod bundles_replay_anywhere;
mod client_commands_work_over_http;
mod clients_work_behind_a_proxy;
mod colours_are_for_terminals;
mod command_line_answers_in_sentences;
mod commands_work_on_a_nodes_database;
mod completions_and_manuals_are_generated;
mod damaged_files_are_detected;
mod decoders_do_not_panic;
mod doctor_repairs_folders;
mod documented_commands_are_run;
mod documented_commands_parse;
mod documented_formats_are_read;
mod errors_blame_the_cause;
mod every_call_can_fail;
mod every_route_is_behind_a_token;
mod exports_equal_the_vectors;
mod following_a_node_costs_little;
mod hostile_databases_are_refused;
mod hostile_requests_get_an_answer;
mod hostile_text_stays_text;
mod insufficient_storage_stops_new_work;
mod interrupted_commands_leave_nothing;
mod json_round_trips;
mod large_changes_survive_power_failures;
mod layers_point_one_way;
mod maintainers_agree;
mod metrics_are_documented;
mod node_databases_of_the_tests_are_real;
mod nothing_is_lost_by_kills;
mod nothing_is_lost_by_power_failure;
mod only_regular_files_are_read;
mod only_valid_proofs_are_accepted;
mod operators_use_the_api;
mod operators_use_the_command_line;
mod packaging_matches_the_program;
mod proofs_are_handed_back;
mod proofs_survive_kills;
mod provers_hold_leases;
mod provers_may_go_wrong;
mod provers_work_over_tls;
mod references_to_the_protocol_exist;
mod run_is_for_pipelines;
mod schemas_describe_the_formats;
mod secrets_stay_secret;
mod servers_in_one_process_are_independent;
mod servers_share_a_node;
mod slow_clients_are_disconnected;
mod small_files_take_little_memory;
mod stopped_folders_can_be_copied;
mod stopping_finishes_running_requests;
mod terminals_get_progress_bars;
mod the_dashboard_works_in_a_browser;
mod the_devnet_answers_clients;
mod the_explorer_works_in_a_browser;
mod the_interface_is_as_described;
mod the_load_test_loses_nothing;
mod the_queue_keeps_its_promises;
mod the_sdk_works_against_the_devnet;
mod the_supervisor_is_notified;
mod top_outlives_its_server;
mod witnesses_equal_the_reference_byte_for_byte;
