/*
 * The checks of `hallpass doctor`, a file for each subject. They run in the order of doctor.c; each
 * leaves in the examination what later ones stand on, and does nothing where it has nothing to stand on.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "cli/examination.h"

typedef void doctor_check(struct examination *examination);

/* doctor_files.c */
doctor_check doctor_check_config, doctor_check_key_file, doctor_check_folders, doctor_check_disk;
doctor_check doctor_check_database_modes;

/* doctor_sandbox.c */
doctor_check doctor_check_sandbox;

/* doctor_database.c */
doctor_check doctor_check_database, doctor_check_secrets;

/* doctor_zoom.c */
doctor_check doctor_check_zoom, doctor_check_zoom_circuits, doctor_check_clock;

/* doctor_users.c */
doctor_check doctor_check_app_credentials, doctor_check_events, doctor_check_connections;

/* doctor_worker.c */
doctor_check doctor_check_worker;

/* doctor_public_url.c */
doctor_check doctor_check_public_url;

#endif
