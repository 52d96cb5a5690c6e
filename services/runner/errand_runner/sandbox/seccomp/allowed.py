"""System calls that a sandbox may make whatever their arguments, by purpose. What stands nowhere is refused.

Names that an architecture or an older libseccomp does not know are skipped by the runtime. What is contested, and the
calls that are left out on purpose, are in docs/decisions/0017-a-list-of-system-calls-of-our-own.md.
"""

ALLOWED: dict[str, str] = {
    "files: opened, read, written": """
        open openat openat2 creat close close_range dup dup2 dup3 fcntl
        read pread64 readv preadv preadv2 write pwrite64 writev pwritev pwritev2 lseek
        sendfile copy_file_range splice tee vmsplice
        fsync fdatasync sync syncfs sync_file_range fadvise64 readahead fallocate ftruncate truncate flock
        pipe pipe2 memfd_create
    """,
    "files: named, looked at, changed": """
        stat fstat lstat newfstatat statx statfs fstatfs access faccessat faccessat2 readlink readlinkat
        getcwd chdir fchdir getdents getdents64
        mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat
        mknod mknodat umask chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat
        utime utimes utimensat futimesat
        getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
        setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr
    """,
    "waiting for files and events": """
        poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
        eventfd eventfd2 signalfd signalfd4 timerfd_create timerfd_settime timerfd_gettime
        inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
    """,
    "memory": """
        brk mmap munmap mremap mprotect madvise msync mincore mlock mlock2 munlock mlockall munlockall mseal cachestat
        pkey_alloc pkey_free pkey_mprotect membarrier map_shadow_stack get_mempolicy
    """,
    # ptrace is for debuggers. It reaches processes of the sandbox's own uid alone; since Linux 4.8 a traced process is
    # filtered after its tracer changed the call; and the supervisor is not dumpable (guest/main.py).
    "processes and threads": """
        fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill
        pidfd_open pidfd_send_signal ptrace
        getpid getppid gettid getpgid getpgrp setpgid getsid setsid
        set_tid_address set_robust_list get_robust_list rseq futex futex_waitv futex_wake futex_wait futex_requeue
        arch_prctl prctl restart_syscall
    """,
    "signals": """
        rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait rt_sigqueueinfo
        rt_tgsigqueueinfo sigaltstack pause alarm getitimer setitimer
        timer_create timer_settime timer_gettime timer_getoverrun timer_delete
    """,
    # Without a capability and with no_new_privs these can only give rights up; tools call them to be sure.
    "who a process is": """
        getuid geteuid getgid getegid getresuid getresgid getgroups capget capset
        setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups
    """,
    "shares and limits": """
        getrlimit setrlimit prlimit64 getrusage times sysinfo uname getpriority setpriority ioprio_get ioprio_set
        sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_setparam sched_getscheduler
        sched_setscheduler sched_getattr sched_setattr sched_get_priority_max sched_get_priority_min
        sched_rr_get_interval getcpu
    """,
    "time and chance": """
        time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep getrandom
    """,
    # Which sockets there are to begin with: conditions.py.
    "sockets": """
        bind listen accept accept4 connect shutdown getsockname getpeername getsockopt setsockopt
        sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg
    """,
    # All of it lies within the sandbox's own namespace.
    "messages between processes": """
        shmget shmat shmctl shmdt semget semop semtimedop semctl msgget msgsnd msgrcv msgctl
        mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
    """,
    # These can only add walls.
    "sandboxes within": """
        seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self
    """,
}

# Answered as by a kernel that does not have them, so that programs take the older way: libc falls back from clone3,
# whose flags lie in memory where no filter sees them; databases do without kernel AIO, whose quota all of a host share;
# what asks for io_uring, which goes round this list, takes epoll.
NOT_THERE: tuple[str, ...] = (
    "clone3",
    "io_setup",
    "io_uring_setup",
)


def names() -> list[str]:
    """All that are allowed whatever their arguments."""
    return [name for group in ALLOWED.values() for name in group.split()]
