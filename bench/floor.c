// The floor under every tool that runs steps: start a child with posix_spawn, capture both streams, wait, again.
// usage: floor COUNT PROGRAM ARGUMENT...
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int step(char **argv) {
    int out[2], err[2];
    if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) return 2;

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, err[1], 2);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attributes, 0);

    pid_t pid;
    int failed = posix_spawn(&pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(out[1]);
    close(err[1]);
    if (failed) return 2;

    struct pollfd streams[2] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
    char buffer[65536];
    for (int open = 2; open > 0;) {
        poll(streams, 2, -1);
        for (int i = 0; i < 2; i++) {
            if (streams[i].fd < 0 || !streams[i].revents) continue;
            if (read(streams[i].fd, buffer, sizeof buffer) <= 0) {
                close(streams[i].fd);
                streams[i].fd = -1;
                open--;
            }
        }
    }
    int status;
    if (waitpid(pid, &status, 0) < 0) return 2;
    return status ? 1 : 0;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: floor COUNT PROGRAM ARGUMENT...\n");
        return 2;
    }
    for (int i = atoi(argv[1]); i > 0; i--) {
        int code = step(argv + 2);
        if (code) return code;
    }
    return 0;
}
