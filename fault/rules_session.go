package fault

import "github.com/handclasp/handclasp/iana"

// Sessions and the stores that keep them. A store that fails costs a resumption
// or 0-RTT, never a connection, so nothing is sent.
var (
	SessionFormat = rule("session-format", iana.NoAlert, Local, "",
		"A stored session is damaged, or another version of this program wrote it.",
		"Remove the entry or the store's file; that costs one full handshake.")
	SessionTooLarge = rule("session-too-large", iana.NoAlert, Local, "",
		"The session is too large to be kept or to fit into a ticket.",
		"Nothing needs to be done: the next connection makes a full handshake. To avoid that, let the peer send a shorter certificate chain.")
	StoreFull = rule("session-store-full", iana.NoAlert, Local, "RFC 9846, Section 8.1",
		"The store is full of entries that it must not forget yet.",
		"Raise MaxEntries, or shorten the lifetime of tickets; until entries end by themselves, 0-RTT is refused.")
	StorePermissions = rule("session-file-permissions", iana.NoAlert, Local, "",
		"The session file holds secrets, and others than its owner may read or change it.",
		"If it is a session file, remove it: a new one is made that only its owner can read. If nobody else can have read it, 'chmod 600' will do.")
	StoreDamaged = rule("session-file-damaged", iana.NoAlert, Local, "",
		"The session file is damaged, or is no session file.",
		"Remove the file if it is an old session file: it is made anew, and that costs one full handshake for each session in it. Else name another file.")
	StoreBusy = rule("session-file-busy", iana.NoAlert, Local, "",
		"The session file was locked by others for longer than this side waits.",
		"Look for a process that is stopped or hangs with the file open; on a slow disk set NoSync or raise Wait.")
	StoreFailed = rule("session-file-failed", iana.NoAlert, Local, "",
		"The session file can't be opened, read or written.",
		"See the cause: the directory must exist and be writable, and its disk must have room.")
)
