// The version that clients, nsqlookupd and nsqadmin see.

/** The NSQ release this daemon is compatible with. Clients compare it, so it is a plain semantic version. */
export const NSQD_VERSION = '1.3.0';

/** The line of --version, of the text form of /stats and of the start of the log (options.md 1). */
export const VERSION_LINE = `nsqd v${NSQD_VERSION} (built w/node${process.versions.node})`;
