//go:build !consul19

package main

import "github.com/hashicorp/raft"

// setTransportNews sets what the transport has learned since the version of Consul 1.9.
func setTransportNews(config *raft.NetworkTransportConfig, o options) {
	config.MsgpackUseNewTimeFormat = o.NewTimeFormat
}

func leaderOf(r *raft.Raft) string {
	address, _ := r.LeaderWithID()
	return string(address)
}

func headerOf(h raft.RPCHeader) header {
	return header{int(h.ProtocolVersion), string(h.ID), string(h.Addr)}
}

func newHeader(version int, id, address string) raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersion(version), ID: []byte(id), Addr: []byte(address)}
}

func kindOfNew(command any) string {
	if _, ok := command.(*raft.RequestPreVoteRequest); ok {
		return "pre-vote"
	}
	return "unknown"
}

// RequestPreVote counts what was asked and what was granted.
func (t *transport) RequestPreVote(id raft.ServerID, to raft.ServerAddress, request *raft.RequestPreVoteRequest, response *raft.RequestPreVoteResponse) error {
	err := t.NetworkTransport.RequestPreVote(id, to, request, response)
	if err == nil && response.Granted {
		t.counts.add("pre-vote-of-"+string(id), 1)
	}
	return err
}

func (t *transport) askPreVote(id raft.ServerID, to raft.ServerAddress, own raft.RPCHeader, q question) (reply, error) {
	request := &raft.RequestPreVoteRequest{RPCHeader: own, Term: q.Term}
	var response raft.RequestPreVoteResponse
	err := t.NetworkTransport.RequestPreVote(id, to, request, &response)
	return reply{headerOf(response.RPCHeader), response.Term, response.Granted}, err
}
