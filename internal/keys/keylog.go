package keys

import "encoding/hex"

// Labels of a key log for TLS 1.3 (RFC 9850, Section 2.1). The traffic
// secrets after a KeyUpdate follow from the first, so they need no line.
const (
	LogClientEarlyTraffic     = "CLIENT_EARLY_TRAFFIC_SECRET"
	LogEarlyExporter          = "EARLY_EXPORTER_SECRET"
	LogClientHandshakeTraffic = "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
	LogServerHandshakeTraffic = "SERVER_HANDSHAKE_TRAFFIC_SECRET"
	LogClientTraffic          = "CLIENT_TRAFFIC_SECRET_0"
	LogServerTraffic          = "SERVER_TRAFFIC_SECRET_0"
	LogExporter               = "EXPORTER_SECRET"
)

// LogMaster12 is the label for the master secret of TLS 1.2 and older (RFC
// 9850, Section 2.2). It names what comes next in the line, the client's random.
const LogMaster12 = "CLIENT_RANDOM"

// AppendKeyLog appends one line of an SSLKEYLOGFILE, its line feed included.
// clientRandom is the 32-byte random of the first ClientHello.
func AppendKeyLog(dst []byte, label string, clientRandom []byte, secret []byte) []byte {
	dst = append(dst, label...)
	dst = append(dst, ' ')
	dst = hex.AppendEncode(dst, clientRandom)
	dst = append(dst, ' ')
	dst = hex.AppendEncode(dst, secret)
	return append(dst, '\n')
}
