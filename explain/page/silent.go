package page

import (
	"fmt"
	"slices"

	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// Secrets of TLS 1.3 that protect nothing themselves, by their names in RFC 9846,
// Section 7.1. No event tells of them, nor of those that a KeyUpdate makes (Section
// 7.2): they follow from the messages.
const (
	binderKey        = "binder_key"
	resumptionSecret = "resumption_secret"
)

// silent follows the messages of a story for them.
type silent struct {
	story       *explain.Story
	bound, kept bool
	updates     map[string][]string // labels, by writer
}

// keys are those that a step brings.
func (q *silent) keys(step *explain.Step) []explain.Key {
	if v := q.story.Summary.Version; v != "" && v != iana.TLS13.String() && step.Message != "client_hello" {
		return nil
	}
	bound := func(f explain.Fact) bool { return f.Name == "binders" }
	switch {
	case !q.bound && step.Message == "client_hello" && slices.ContainsFunc(step.Facts, bound):
		q.bound = true
		return []explain.Key{{Label: binderKey, Derived: "Early Secret", Writer: fault.Client.String(), Epoch: "clear",
			Protects: "nothing itself: it makes the binder, which proves that the client has the pre-shared key"}}
	case !q.kept && step.Message == "new_session_ticket":
		q.kept = true
		return []explain.Key{{Label: resumptionSecret, Derived: "Main Secret", Epoch: "application",
			Protects: "nothing itself: from it comes the pre-shared key of each ticket"}}
	case step.Message == "key_update":
		return []explain.Key{q.update(step)}
	}
	return nil
}

// update is the secret that the sender of a KeyUpdate goes on with.
func (q *silent) update(step *explain.Step) explain.Key {
	who := fault.Client
	if (step.Direction == explain.Sent) == (q.story.Role == fault.Server.String()) {
		who = fault.Server
	}
	writer := who.String()
	n := len(q.updates[writer])
	before := map[fault.Role]string{fault.Client: "CLIENT_TRAFFIC_SECRET_0", fault.Server: "SERVER_TRAFFIC_SECRET_0"}[who]
	if n > 0 {
		before = q.updates[writer][n-1]
	}
	x := explain.Key{Label: fmt.Sprintf("%s_application_traffic_secret_%d", writer, n+1), Derived: before, Writer: writer, Epoch: "application",
		Protects: fmt.Sprintf("what the %s sends after this KeyUpdate; it comes from the secret before it", writer)}
	if q.updates == nil {
		q.updates = map[string][]string{}
	}
	q.updates[writer] = append(q.updates[writer], x.Label)
	return x
}

// updated are the labels of each side's last.
func (q *silent) updated() (out []string) {
	for _, writer := range []string{fault.Client.String(), fault.Server.String()} {
		if list := q.updates[writer]; len(list) > 0 {
			out = append(out, list[len(list)-1])
		}
	}
	return out
}
