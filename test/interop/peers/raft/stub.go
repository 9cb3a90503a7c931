package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/hashicorp/raft"
)

var msgpack = &codec.MsgpackHandle{}

// Types of commands and of records in a snapshot (Consul's).
const (
	kvsType   = 2
	typeFlags = 128
)

// entry is a key as Consul stores it.
type entry struct {
	LockIndex   uint64
	Key         string
	Flags       uint64
	Value       []byte
	Session     string
	CreateIndex uint64
	ModifyIndex uint64
}

// kvsRequest is the part of a KV command that is needed here.
type kvsRequest struct {
	Op     string
	DirEnt entry
}

// snapshotHeader begins a snapshot.
type snapshotHeader struct{ LastIndex uint64 }

// command is an entry of the log as it came.
type command struct {
	Index uint64
	Data  []byte
}

// stub is a state machine that keeps the bytes of all commands, and the keys that they set. Its
// snapshots are Consul's state.bin with nothing but keys in it.
type stub struct {
	lock     sync.Mutex
	commands []command
	keys     map[string]entry
	restored int
	last     uint64
}

func newStub() *stub { return &stub{keys: map[string]entry{}} }

func (s *stub) Apply(log *raft.Log) any {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.commands = append(s.commands, command{log.Index, log.Data})
	s.last = log.Index
	if len(log.Data) == 0 || log.Data[0]&^typeFlags != kvsType {
		return nil
	}
	var request kvsRequest
	if err := codec.NewDecoderBytes(log.Data[1:], msgpack).Decode(&request); err != nil {
		return err
	}
	if request.Op == "set" {
		set := request.DirEnt
		set.CreateIndex, set.ModifyIndex = log.Index, log.Index
		s.keys[set.Key] = set
	}
	return nil
}

// kept is what the stub has been given, behind one entry of the log.
type kept struct {
	Restored int
	Commands []command
}

func (s *stub) behind(index uint64) kept {
	s.lock.Lock()
	defer s.lock.Unlock()
	chosen := []command{}
	for _, one := range s.commands {
		if one.Index > index {
			chosen = append(chosen, one)
		}
	}
	return kept{s.restored, chosen}
}

func (s *stub) values() map[string][]byte {
	s.lock.Lock()
	defer s.lock.Unlock()
	values := map[string][]byte{}
	for key, one := range s.keys {
		values[key] = one.Value
	}
	return values
}

func (s *stub) Snapshot() (raft.FSMSnapshot, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	frozen := &frozenStub{last: s.last}
	for _, one := range s.keys {
		frozen.entries = append(frozen.entries, one)
	}
	return frozen, nil
}

// Restore reads the keys of a snapshot and passes over everything else in it.
func (s *stub) Restore(state io.ReadCloser) error {
	defer state.Close()
	reader := bufio.NewReader(state)
	decoder := codec.NewDecoder(reader, msgpack)
	var head snapshotHeader
	if err := decoder.Decode(&head); err != nil {
		return err
	}
	keys := map[string]entry{}
	for {
		kind, err := reader.ReadByte()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var one entry
		if kind == kvsType {
			err = decoder.Decode(&one)
			keys[one.Key] = one
		} else {
			var ignored any
			err = decoder.Decode(&ignored)
		}
		if err != nil {
			return fmt.Errorf("record of type %d: %w", kind, err)
		}
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.keys, s.last, s.commands = keys, head.LastIndex, nil
	s.restored++
	return nil
}

type frozenStub struct {
	last    uint64
	entries []entry
}

func (f *frozenStub) Persist(sink raft.SnapshotSink) error {
	if err := f.write(sink); err != nil {
		sink.Cancel()
		return err
	}
	return sink.Close()
}

func (f *frozenStub) write(to io.Writer) error {
	encoder := codec.NewEncoder(to, msgpack)
	if err := encoder.Encode(snapshotHeader{f.last}); err != nil {
		return err
	}
	for _, one := range f.entries {
		if _, err := to.Write([]byte{kvsType}); err != nil {
			return err
		}
		if err := encoder.Encode(one); err != nil {
			return err
		}
	}
	return nil
}

func (f *frozenStub) Release() {}
