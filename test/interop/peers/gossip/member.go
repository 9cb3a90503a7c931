package main

import (
	"bytes"
	"fmt"
	"log"
	"net"
	"time"

	"lines"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// options say how a member is to be; what is not said is as the libraries have it.
type options struct {
	Bind string
	// Port 0 takes a free one.
	Port int
	// Bare is memberlist without serf on top.
	Bare bool
	// Meta is what a bare member tells of itself; a serf member tells its tags.
	Meta     []byte
	Tags     map[string]string
	Label    string
	Keys     [][]byte
	Protocol uint8
	// Plain turns compression off.
	Plain                 bool
	SkipInboundLabelCheck bool
	NewTimeFormat         bool
	PacketBytes           int
	ProbeIntervalMs       int
	ProbeTimeoutMs        int
	PushPullIntervalMs    int
	ReclaimMs             int
	NoTCPPings            bool
	NoConflictResolution  bool
}

// member is a node of a pool: always a memberlist, mostly with serf on top.
type member struct {
	name      string
	list      *memberlist.Memberlist
	serf      *serf.Serf
	transport *gate
}

func startMember(name string, o options) (*member, error) {
	logger := log.New(logLines{name}, "", 0)
	transport, err := openGate(o.Bind, o.Port, logger)
	if err != nil {
		return nil, err
	}
	config, err := listConfig(name, o, transport, logger)
	if err != nil {
		return nil, err
	}
	m := &member{name: name, transport: transport}
	if o.Bare {
		m.list, err = memberlist.Create(config)
		return m, err
	}
	events := make(chan serf.Event, 4096)
	go m.hear(events)
	serfConfig := serf.DefaultConfig()
	serfConfig.Init()
	serfConfig.NodeName = name
	serfConfig.Tags = o.Tags
	serfConfig.Logger = logger
	serfConfig.LogOutput = nil
	serfConfig.EventCh = events
	serfConfig.MemberlistConfig = config
	serfConfig.EnableNameConflictResolution = !o.NoConflictResolution
	setSerfNews(serfConfig, o)
	if m.serf, err = serf.Create(serfConfig); err != nil {
		return nil, err
	}
	m.list = m.serf.Memberlist()
	return m, nil
}

func listConfig(name string, o options, transport *gate, logger *log.Logger) (*memberlist.Config, error) {
	config := memberlist.DefaultLANConfig()
	config.Name = name
	config.BindAddr = o.Bind
	config.BindPort = transport.GetAutoBindPort()
	config.AdvertisePort = config.BindPort
	config.Transport = transport
	config.Logger = logger
	config.LogOutput = nil
	config.EnableCompression = !o.Plain
	config.DisableTcpPings = o.NoTCPPings
	if o.Protocol > 0 {
		config.ProtocolVersion = o.Protocol
	}
	if o.PacketBytes > 0 {
		config.UDPBufferSize = o.PacketBytes
	}
	setDuration(&config.ProbeInterval, o.ProbeIntervalMs)
	setDuration(&config.ProbeTimeout, o.ProbeTimeoutMs)
	setDuration(&config.PushPullInterval, o.PushPullIntervalMs)
	setDuration(&config.DeadNodeReclaimTime, o.ReclaimMs)
	if len(o.Keys) > 0 {
		ring, err := memberlist.NewKeyring(o.Keys, o.Keys[0])
		if err != nil {
			return nil, err
		}
		config.Keyring = ring
	}
	if o.Bare {
		// Serf's versions, without which a member of a serf pool refuses the bare one.
		config.DelegateProtocolMin, config.DelegateProtocolMax = 2, 5
		config.DelegateProtocolVersion = 4
		config.Delegate = &bareDelegate{name, o.Meta}
	}
	return config, setListNews(config, o)
}

func setDuration(field *time.Duration, milliseconds int) {
	if milliseconds > 0 {
		*field = time.Duration(milliseconds) * time.Millisecond
	}
}

// hear reports user events and queries, and answers every query so that the test sees it arrive.
func (m *member) hear(events <-chan serf.Event) {
	for event := range events {
		switch e := event.(type) {
		case serf.UserEvent:
			lines.Say(report{m.name, "event", e.Name, e.Payload})
		case *serf.Query:
			lines.Say(report{m.name, "query", e.Name, e.Payload})
			if err := e.Respond(append([]byte(m.name+" heard "), e.Payload...)); err != nil {
				lines.Say(report{m.name, "log", "answering a query failed: " + err.Error(), nil})
			}
		}
	}
}

// seenNode is a row of memberlist's table of those that are not dead.
type seenNode struct {
	Name    string
	Address string
	Meta    []byte
	State   int
}

func (m *member) nodes() []seenNode {
	rows := []seenNode{}
	for _, node := range m.list.Members() {
		rows = append(rows, seenNode{node.Name, node.Address(), node.Meta, int(node.State)})
	}
	return rows
}

func (m *member) sendReliable(to string, payload []byte) error {
	for _, node := range m.list.Members() {
		if node.Name == to {
			return m.list.SendReliable(node, payload)
		}
	}
	return fmt.Errorf("%q is not a member", to)
}

// ping measures a round trip in seconds.
func (m *member) ping(address, name string) (float64, error) {
	to, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return 0, err
	}
	took, err := m.list.Ping(name, to)
	return took.Seconds(), err
}

// shutdown ends without a word to the others, as a crash does.
func (m *member) shutdown() error {
	if m.serf != nil {
		return m.serf.Shutdown()
	}
	return m.list.Shutdown()
}

// bareDelegate tells the meta, and reports user messages.
type bareDelegate struct {
	name string
	meta []byte
}

func (d *bareDelegate) NodeMeta(int) []byte { return d.meta }
func (d *bareDelegate) NotifyMsg(message []byte) {
	lines.Say(report{d.name, "message", "", message})
}
func (d *bareDelegate) GetBroadcasts(int, int) [][]byte { return nil }
func (d *bareDelegate) LocalState(bool) []byte          { return nil }
func (d *bareDelegate) MergeRemoteState([]byte, bool)   {}

// logLines reports each line that a library logs.
type logLines struct{ name string }

func (l logLines) Write(line []byte) (int, error) {
	lines.Say(report{l.name, "log", string(bytes.TrimSpace(line)), nil})
	return len(line), nil
}
