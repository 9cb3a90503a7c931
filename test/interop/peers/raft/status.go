package main

import (
	"net"
	"net/rpc"
	"strconv"

	"github.com/hashicorp/go-msgpack/codec"
	"github.com/hashicorp/net-rpc-msgpackrpc"
	"github.com/hashicorp/raft"
	"github.com/hashicorp/yamux"
)

// rpcType is the first byte of a connection to Consul's server port that carries yamux sessions.
const rpcType = 4

// statusService answers what a leader's autopilot asks of servers before it gives them a vote.
type statusService struct {
	raft *raft.Raft
}

// RaftStats are the fields of the answer to the call of that name; exported, as net/rpc wants it.
type RaftStats struct {
	LastContact string
	LastTerm    uint64
	LastIndex   uint64
}

func (s *statusService) Ping(_ struct{}, _ *struct{}) error {
	return nil
}

func (s *statusService) RaftStats(_ struct{}, reply *RaftStats) error {
	stats := s.raft.Stats()
	term, err := strconv.ParseUint(stats["last_log_term"], 10, 64)
	if err != nil {
		return err
	}
	index, err := strconv.ParseUint(stats["last_log_index"], 10, 64)
	if err != nil {
		return err
	}
	*reply = RaftStats{stats["last_contact"], term, index}
	return nil
}

// newStatus makes the methods that the server port answers beside raft.
func newStatus(server *raft.Raft) (*rpc.Server, error) {
	methods := rpc.NewServer()
	return methods, methods.RegisterName("Status", &statusService{server})
}

// serveSession answers calls on the streams of one session until it ends.
func serveSession(conn net.Conn, methods *rpc.Server) {
	session, err := yamux.Server(conn, nil)
	if err != nil {
		conn.Close()
		return
	}
	for {
		stream, err := session.Accept()
		if err != nil {
			return
		}
		handle := &codec.MsgpackHandle{RawToString: true}
		go methods.ServeCodec(msgpackrpc.NewCodecFromHandle(true, true, stream, handle))
	}
}
