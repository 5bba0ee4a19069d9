package diagnose

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/handclasp/handclasp/fault"
)

// far is how much clocks may differ, and nobody cares.
const far = 5 * time.Minute

// clock asks the server for the time, which HTTP servers tell, when a certificate
// seems to be out of time: if by that clock all are in time, it is perhaps this
// machine's that is wrong.
func (d *diagnosis) clock(ctx context.Context) error {
	var theirs time.Time
	_, err := d.ask(ctx, "asking the server for the time", func(r *reply) string {
		t, err := http.ParseTime(r.header.Get("Date"))
		if err != nil {
			return "it does not tell"
		}
		theirs = t.UTC()
		return "by its Date it is " + theirs.Format(time.RFC3339)
	})
	if err != nil || theirs.IsZero() {
		return err
	}
	ours := d.o.Client.Time().UTC()
	if theirs.Sub(ours).Abs() <= far {
		return nil
	}
	said := "This machine says " + ours.Format(time.RFC3339) + ", the server " + theirs.Format(time.RFC3339) + "."
	o, err := d.at(ctx, theirs)
	switch {
	case err != nil || !o.good(): // then nothing is known of that
		return err
	case slices.ContainsFunc(faults(o), dated):
		d.notice("%s One of these clocks is wrong, and by neither of them the certificates are in time.", said)
		return nil
	}
	other := slices.DeleteFunc(d.Findings, func(f Finding) bool { return dated(f.ID) })
	d.Findings = nil
	d.find("local-clock", Likely, said, Evidence{Probe: "the Date of an HTTP answer", Outcome: theirs.Format(time.RFC3339)},
		Evidence{Probe: "the client's handshake, by that clock", Outcome: d.atAddress(o)})
	d.Findings = append(d.Findings, other...)
	return nil
}

// at makes the client's handshake as if it were that time.
func (d *diagnosis) at(ctx context.Context, t time.Time) (*outcome, error) {
	user := d.p.user
	defer func() { d.p.user = user }()
	then := *user
	then.Time = func() time.Time { return t }
	d.p.user = &then
	return d.try(ctx, "the client's handshake, by the server's clock", d.mine(), false)
}

// dated reports whether a cause is a matter of dates.
func dated(id string) bool {
	return id == fault.CertExpired.ID || id == fault.CertNotYetValid.ID || id == fault.CertChainExpired.ID
}
