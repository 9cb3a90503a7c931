package main

import (
	"errors"
	"io"
	"net"
	"net/rpc"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// raftType is the first byte of a connection to Consul's server port on which raft is spoken.
const raftType = 1

const firstByteTimeout = 5 * time.Second

// layer is a server port that takes connections for raft and for calls, and closes all others.
type layer struct {
	net.Listener
	accepted chan net.Conn
	closed   chan struct{}
	// Methods, once there is a server to tell of.
	methods atomic.Pointer[rpc.Server]
}

func listen(address string) (*layer, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	l := &layer{Listener: listener, accepted: make(chan net.Conn), closed: make(chan struct{})}
	go l.run()
	return l, nil
}

func (l *layer) run() {
	defer close(l.closed)
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return
		}
		go l.sort(conn)
	}
}

// sort takes the type byte off and hands the connection on to what it is for.
func (l *layer) sort(conn net.Conn) {
	var kind [1]byte
	conn.SetReadDeadline(time.Now().Add(firstByteTimeout))
	if _, err := io.ReadFull(conn, kind[:]); err != nil {
		conn.Close()
		return
	}
	conn.SetReadDeadline(time.Time{})
	if methods := l.methods.Load(); methods != nil && kind[0] == rpcType {
		serveSession(conn, methods)
		return
	}
	if kind[0] != raftType {
		conn.Close()
		return
	}
	select {
	case l.accepted <- conn:
	case <-l.closed:
		conn.Close()
	}
}

func (l *layer) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted:
		return conn, nil
	case <-l.closed:
		return nil, errors.New("the server port is closed")
	}
}

func (l *layer) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	// Each server has an address of its own, from which it dials too.
	from := &net.TCPAddr{IP: l.Addr().(*net.TCPAddr).IP}
	dialer := net.Dialer{Timeout: timeout, LocalAddr: from}
	conn, err := dialer.Dial("tcp", string(address))
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write([]byte{raftType}); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
