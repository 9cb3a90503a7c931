package main

// The few shapes of Consul's RPC that the client speaks, by the names that they have on the wire.

type dirEntry struct {
	LockIndex   uint64
	Key         string
	Flags       uint64
	Value       []byte
	Session     string
	CreateIndex uint64
	ModifyIndex uint64
}

type kvsRequest struct {
	Datacenter string
	Op         string
	DirEnt     dirEntry
}

type keyRequest struct {
	Datacenter    string
	Key           string
	MinQueryIndex uint64
	// MaxQueryTime is in nanoseconds.
	MaxQueryTime int64
}

type indexedDirEntries struct {
	Entries []*dirEntry
	Index   uint64
}
