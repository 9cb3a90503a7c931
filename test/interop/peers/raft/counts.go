package main

import (
	"fmt"
	"sync"

	"github.com/hashicorp/raft"
)

// header is what stands in front of every request.
type header struct {
	Version int
	ID      string
	Address string
}

// counts say what has come and gone over the wire, by kind.
type counts struct {
	lock    sync.Mutex
	numbers map[string]int
	headers map[string]header
}

func (c *counts) add(kind string, number int) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.numbers[kind] += number
}

func (c *counts) received(kind string, rpc raft.RPC) {
	c.add(kind, 1)
	if command, ok := rpc.Command.(raft.WithRPCHeader); ok {
		c.lock.Lock()
		defer c.lock.Unlock()
		c.headers[kind] = headerOf(command.GetRPCHeader())
	}
}

// tally is a copy of the counts.
type tally struct {
	Numbers map[string]int
	Headers map[string]header
}

func (c *counts) read() tally {
	c.lock.Lock()
	defer c.lock.Unlock()
	copied := tally{map[string]int{}, map[string]header{}}
	for kind, number := range c.numbers {
		copied.Numbers[kind] = number
	}
	for kind, header := range c.headers {
		copied.Headers[kind] = header
	}
	return copied
}

// transport is the library's own, with everything that passes counted.
type transport struct {
	*raft.NetworkTransport
	counts   *counts
	requests chan raft.RPC
}

func newTransport(l *layer, o options) *transport {
	config := &raft.NetworkTransportConfig{Stream: l, MaxPool: poolMax, Timeout: rpcTimeout}
	setTransportNews(config, o)
	t := &transport{
		raft.NewNetworkTransportWithConfig(config),
		&counts{numbers: map[string]int{}, headers: map[string]header{}},
		make(chan raft.RPC),
	}
	go func() {
		for rpc := range t.NetworkTransport.Consumer() {
			t.counts.received(kindOf(rpc), rpc)
			t.requests <- rpc
		}
	}()
	return t
}

func kindOf(rpc raft.RPC) string {
	switch command := rpc.Command.(type) {
	case *raft.AppendEntriesRequest:
		if len(command.Entries) > 0 {
			return "entries"
		}
		return "append"
	case *raft.RequestVoteRequest:
		if command.LeadershipTransfer {
			return "vote-of-transfer"
		}
		return "vote"
	case *raft.InstallSnapshotRequest:
		return "snapshot"
	case *raft.TimeoutNowRequest:
		return "timeout-now"
	default:
		return kindOfNew(command)
	}
}

func (t *transport) Consumer() <-chan raft.RPC { return t.requests }

// SetHeartbeatHandler counts what takes the fast path, beside the queue of other requests.
func (t *transport) SetHeartbeatHandler(handle func(raft.RPC)) {
	t.NetworkTransport.SetHeartbeatHandler(func(rpc raft.RPC) {
		t.counts.received("heartbeat", rpc)
		handle(rpc)
	})
}

func (t *transport) AppendEntriesPipeline(id raft.ServerID, to raft.ServerAddress) (raft.AppendPipeline, error) {
	pipeline, err := t.NetworkTransport.AppendEntriesPipeline(id, to)
	if err != nil {
		return nil, err
	}
	return &countedPipeline{pipeline, t.counts}, nil
}

type countedPipeline struct {
	raft.AppendPipeline
	counts *counts
}

func (p *countedPipeline) AppendEntries(request *raft.AppendEntriesRequest, response *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	p.counts.add("pipelined-entries", len(request.Entries))
	return p.AppendPipeline.AppendEntries(request, response)
}

// question is a request of the test's own making, to see how it is answered.
type question struct {
	Kind    string
	Version int
	Term    uint64
	Self    string
}

// reply is what came back.
type reply struct {
	Header  header
	Term    uint64
	Granted bool
}

func (t *transport) ask(id raft.ServerID, to raft.ServerAddress, q question) (reply, error) {
	self := t.LocalAddr()
	own := newHeader(q.Version, q.Self, string(self))
	switch q.Kind {
	case "vote":
		request := &raft.RequestVoteRequest{RPCHeader: own, Term: q.Term, Candidate: []byte(self)}
		var response raft.RequestVoteResponse
		err := t.RequestVote(id, to, request, &response)
		return reply{headerOf(response.RPCHeader), response.Term, response.Granted}, err
	case "heartbeat":
		request := &raft.AppendEntriesRequest{RPCHeader: own, Term: q.Term, Leader: []byte(self)}
		var response raft.AppendEntriesResponse
		err := t.AppendEntries(id, to, request, &response)
		return reply{headerOf(response.RPCHeader), response.Term, response.Success}, err
	case "pre-vote":
		return t.askPreVote(id, to, own, q)
	default:
		return reply{}, fmt.Errorf("unknown question %q", q.Kind)
	}
}
