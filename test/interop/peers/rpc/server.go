package main

import (
	"errors"
	"io"
	"net"
	"net/rpc"
	"sync"
	"time"

	"lines"

	"github.com/hashicorp/yamux"
)

// server serves `Test` on yamux sessions behind one type byte, as a server port does.
type server struct {
	listener net.Listener
	options  order
	methods  *rpc.Server
	lock     sync.Mutex
	sessions []*yamux.Session
}

func listen(o order) (*server, error) {
	listener, err := net.Listen("tcp", o.Address)
	if err != nil {
		return nil, err
	}
	methods := rpc.NewServer()
	if err := methods.RegisterName("Test", &testService{}); err != nil {
		return nil, err
	}
	s := &server{listener: listener, options: o, methods: methods}
	go s.accept()
	return s, nil
}

func (s *server) accept() {
	for {
		connection, err := s.listener.Accept()
		if err != nil {
			return
		}
		go s.serve(connection)
	}
}

func (s *server) serve(connection net.Conn) {
	first := make([]byte, 1)
	if _, err := io.ReadFull(connection, first); err != nil || first[0] != typeMultiplexed {
		connection.Close()
		return
	}
	session, err := yamux.Server(connection, yamuxConfig(s.options))
	if err != nil {
		lines.Say(report{"log", err.Error()})
		return
	}
	s.lock.Lock()
	s.sessions = append(s.sessions, session)
	s.lock.Unlock()
	lines.Say(report{"session", ""})
	for {
		stream, err := session.AcceptStream()
		if err != nil {
			lines.Say(report{"session over", err.Error()})
			return
		}
		go s.methods.ServeCodec(serverCodec(s.options.Codec, &watchedStream{stream, s.options}))
	}
}

// latest is the session that was accepted last.
func (s *server) latest() (*yamux.Session, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if len(s.sessions) == 0 {
		return nil, errors.New("nobody has dialed yet")
	}
	return s.sessions[len(s.sessions)-1], nil
}

func (s *server) goAway() error {
	session, err := s.latest()
	if err != nil {
		return err
	}
	return session.GoAway()
}

func (s *server) ping(count int) (float64, error) {
	session, err := s.latest()
	if err != nil {
		return 0, err
	}
	return pings(session, count)
}

// watchedStream reads no faster than it is told, and reports how the stream ends.
type watchedStream struct {
	*yamux.Stream
	options order
}

func (w *watchedStream) Read(target []byte) (int, error) {
	if pace := w.options.ReadBytesPerMs; pace > 0 {
		time.Sleep(time.Duration(len(target)/pace) * time.Millisecond)
	}
	count, err := w.Stream.Read(target)
	if err != nil {
		lines.Say(report{"stream over", err.Error()})
	}
	return count, err
}

// testService is what our clients call.
type testService struct{}

type EchoArgs struct {
	Text    string
	Payload []byte
	// WaitMs holds the answer back.
	WaitMs int
	// ReplyBytes asks for a payload of this size instead of the one that was sent.
	ReplyBytes int
}

type EchoReply struct {
	Text    string
	Payload []byte
}

// Echo answers what it was told, or fails with it.
func (*testService) Echo(args *EchoArgs, reply *EchoReply) error {
	time.Sleep(time.Duration(args.WaitMs) * time.Millisecond)
	if args.Text == "fail" {
		return errors.New("told to fail")
	}
	reply.Text, reply.Payload = args.Text, args.Payload
	if args.ReplyBytes > 0 {
		reply.Payload = content(args.Text, args.ReplyBytes)
	}
	return nil
}

// logLines reports what yamux logs.
type logLines struct{}

func (logLines) Write(line []byte) (int, error) {
	lines.Say(report{"log", string(line)})
	return len(line), nil
}
