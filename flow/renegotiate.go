package flow

// A RenegotiateAsk wants to know when nothing else is sent: the server has asked
// for another handshake, and data must not come between its messages. From the
// reply until the handshake is over Send is refused.
type RenegotiateAsk struct{ reply func() }

func (*RenegotiateAsk) ask() {}

// Reply lets the handshake begin.
func (a *RenegotiateAsk) Reply() { a.reply() }

// NewRenegotiateAsk is for state machines: reply receives the answer.
func NewRenegotiateAsk(reply func()) *RenegotiateAsk { return &RenegotiateAsk{reply} }
