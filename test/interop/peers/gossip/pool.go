package main

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/serf/serf"
)

// pool holds the members of this process by name.
type pool struct {
	lock    sync.Mutex
	members map[string]*member
}

func newPool() *pool {
	return &pool{members: map[string]*member{}}
}

func (p *pool) find(name string) (*member, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if m, ok := p.members[name]; ok {
		return m, nil
	}
	return nil, fmt.Errorf("no member %q was started", name)
}

// obey carries an order out; the value is what the test gets to see.
func (p *pool) obey(verb string, o order) (any, error) {
	if verb == "start" {
		m, err := startMember(o.Node, o.Options)
		if err != nil {
			return nil, err
		}
		p.lock.Lock()
		p.members[o.Node] = m
		p.lock.Unlock()
		return m.transport.GetAutoBindPort(), nil
	}
	m, err := p.find(o.Node)
	if err != nil {
		return nil, err
	}
	switch verb {
	case "gate":
		m.transport.setRules(o.Gate)
		return nil, nil
	case "raw":
		_, err := m.transport.WriteTo(o.Payload, o.To)
		return nil, err
	case "shutdown":
		return nil, m.shutdown()
	case "health":
		return m.list.GetHealthScore(), nil
	case "nodes":
		return m.nodes(), nil
	case "reliable":
		return nil, m.sendReliable(o.To, o.Payload)
	case "ping":
		return m.ping(o.To, o.Name)
	}
	if m.serf == nil {
		return m.obeyBare(verb, o)
	}
	return m.obeySerf(verb, o)
}

func (m *member) obeyBare(verb string, o order) (any, error) {
	switch verb {
	case "join":
		return m.list.Join(o.Addresses)
	case "leave":
		return nil, m.list.Leave(5 * time.Second)
	default:
		return nil, fmt.Errorf("a bare member does not know %q", verb)
	}
}

func (m *member) obeySerf(verb string, o order) (any, error) {
	switch verb {
	case "join":
		return m.serf.Join(o.Addresses, o.IgnoreOld)
	case "leave":
		return nil, m.serf.Leave()
	case "members":
		return m.seen(), nil
	case "event":
		return nil, m.serf.UserEvent(o.Name, o.Payload, o.Coalesce)
	case "query":
		return m.query(o)
	case "tags":
		return nil, m.serf.SetTags(o.Tags)
	case "keys":
		return m.changeKeys(o.Operation, o.Key)
	case "distance":
		return m.distance(o.Name)
	case "force-leave":
		if o.Prune {
			return nil, m.serf.RemoveFailedNodePrune(o.Name)
		}
		return nil, m.serf.RemoveFailedNode(o.Name)
	default:
		return nil, fmt.Errorf("a serf member does not know %q", verb)
	}
}

// seenMember is a row of the members that a serf member sees.
type seenMember struct {
	Name    string
	Address string
	Status  string
	Tags    map[string]string
}

func (m *member) seen() []seenMember {
	rows := []seenMember{}
	for _, one := range m.serf.Members() {
		address := (&net.UDPAddr{IP: one.Addr, Port: int(one.Port)}).String()
		rows = append(rows, seenMember{one.Name, address, one.Status.String(), one.Tags})
	}
	return rows
}

// queryOutcome is who confirmed and who answered what.
type queryOutcome struct {
	Acks      []string
	Responses map[string][]byte
}

func (m *member) query(o order) (queryOutcome, error) {
	outcome := queryOutcome{Acks: []string{}, Responses: map[string][]byte{}}
	answers, err := m.serf.Query(o.Name, o.Payload, &serf.QueryParam{
		RequestAck:  o.Acks,
		RelayFactor: o.Relay,
		Timeout:     time.Duration(o.TimeoutMs) * time.Millisecond,
	})
	if err != nil {
		return outcome, err
	}
	if o.Acks {
		for from := range answers.AckCh() {
			outcome.Acks = append(outcome.Acks, from)
		}
	}
	for response := range answers.ResponseCh() {
		outcome.Responses[response.From] = response.Payload
	}
	return outcome, nil
}

func (m *member) changeKeys(operation, key string) (*serf.KeyResponse, error) {
	keys := m.serf.KeyManager()
	switch operation {
	case "install":
		return keys.InstallKey(key)
	case "use":
		return keys.UseKey(key)
	case "remove":
		return keys.RemoveKey(key)
	default:
		return keys.ListKeys()
	}
}

// distance estimates the round trip to a member in seconds, from Vivaldi coordinates alone.
func (m *member) distance(name string) (float64, error) {
	other, known := m.serf.GetCachedCoordinate(name)
	if !known {
		return 0, fmt.Errorf("no coordinate of %q yet", name)
	}
	own, err := m.serf.GetCoordinate()
	if err != nil {
		return 0, err
	}
	return own.DistanceTo(other).Seconds(), nil
}
