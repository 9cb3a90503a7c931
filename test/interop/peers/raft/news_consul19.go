//go:build consul19

package main

import (
	"errors"

	"github.com/hashicorp/raft"
)

func setTransportNews(*raft.NetworkTransportConfig, options) {}

func leaderOf(r *raft.Raft) string { return string(r.Leader()) }

func headerOf(h raft.RPCHeader) header { return header{Version: int(h.ProtocolVersion)} }

func newHeader(version int, _, _ string) raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersion(version)}
}

func kindOfNew(any) string { return "unknown" }

func (*transport) askPreVote(raft.ServerID, raft.ServerAddress, raft.RPCHeader, question) (reply, error) {
	return reply{}, errors.New("this raft knows no pre-vote")
}
