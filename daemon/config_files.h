/*
 * config_files.h - finds the files of the configuration, and reads them in their order.
 *
 * As the UAPI group's "Configuration Files Specification" (UAPI.6) has it: of the folders, the
 * first that has hauld.conf gives it; after it come the fragments in hauld.conf.d of all of them,
 * in order of their names. Of fragments of one name that of the first folder counts, and it masks
 * the others also when it is empty or a link to /dev/null.
 */
#ifndef HAULD_CONFIG_FILES_H
#define HAULD_CONFIG_FILES_H

#include "config.h"

#define CONFIG_FILES_FOLDERS_MAX 8u

/* Where to look, the first has precedence. */
struct config_folders {
    char paths[CONFIG_FILES_FOLDERS_MAX][CONFIG_PATH_ROOM];
    unsigned count;
};

/* Those of the system; for a user also $XDG_CONFIG_HOME/hauld, before them. */
void config_folders_find(struct config_folders *ret_folders);

/* Reads over *config: what is found in folders. None of it need exist. */
enum config_verdict config_files_read(struct config *config, const struct config_folders *folders,
                                      struct config_trouble *ret_trouble);

/* Reads over *config: this file, which must exist, and then the fragments in the folder of its name
 * with ".d" behind. */
enum config_verdict config_files_read_named(struct config *config, const char *path,
                                            struct config_trouble *ret_trouble);

#endif
