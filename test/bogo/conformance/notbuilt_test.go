package main

import (
	"crypto"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/hs"
	"github.com/handclasp/handclasp/sign"
)

// A guard looks for a feature, and says where it found some of it.
type guard func(t *testing.T) (found []string)

// guards hold each feature that is said not to be there to what there is.
var guards = map[string]guard{
	noECH:           spoken(iana.ExtEncryptedClientHello, iana.ExtECHOuterExtensions),
	noRPK:           spoken(iana.ExtClientCertificateType, iana.ExtServerCertificateType),
	noCompression:   named[config.ServerConfig](`Compress`),
	noDelegated:     spoken(iana.ExtDelegatedCredential),
	noTrustAnchors:  spoken(0xca34),
	noMLDSA:         signed(0x0904, 0x0905, 0x0906),
	noLegacyRSA:     signed(0x0420, 0x0520, 0x0620),
	onlyPSK:         named[config.ClientConfig](`PSK`, "PSKs", "AllowPSKWithoutDHE"),
	noAcrossNames:   spoken(62), // tls_flags
	noEqual:         named[config.ServerConfig](`Suites|Prefer|Equal`, "CipherSuites", "CurvePreferences", "PreferClientOrder"),
	noEarlyExporter: earlyExporter,
	noSendLimit:     named[config.ClientConfig](`Fragment|MaxSend|MaxRecord`, "MaxFragmentLength"),
	alwaysStaples:   named[config.ClientConfig](`OCSP|SCT|Staple|Timestamp`),
	noGroupHint:     named[config.ClientConfig](`Hint|Share`, "KeyShares"),
	noFallback:      named[config.ClientConfig](`Fallback|SCSV`),
	noStrictClient:  named[config.ClientConfig](`Renegotiat|Legacy|Secure`, "MaxRenegotiations", "InsecureSkipVerify"),
	noFalseStart:    named[config.ClientConfig](`False`),
	noSRTP:          spoken(iana.ExtUseSRTP),
	noPeek:          named[*handclasp.Conn](`Peek`),

	channelID: spoken(30032),
	npn:       spoken(13172),
	alps:      spoken(17513, 17613),
	pake:      spoken(35387),
	padding:   spoken(4832),
}

// TestNotBuilt: what is said not to be built is not. A feature that comes takes its
// reason out of the list, and its tests with it.
func TestNotBuilt(t *testing.T) {
	for _, reason := range reasons {
		look, ok := guards[reason]
		if !ok {
			if strings.HasPrefix(reason, "not built: ") {
				t.Errorf("nothing would notice if %q stopped being true", reason)
			}
			continue
		}
		if found := look(t); len(found) > 0 {
			t.Errorf("%q, but there is %v", reason, found)
		}
	}
}

// TestGuards: the guards find what is there.
func TestGuards(t *testing.T) {
	for name, look := range map[string]guard{
		"an extension": spoken(iana.ExtALPN),
		"a scheme":     signed(iana.ED25519),
		"a field":      named[config.ClientConfig](`PSK`, "PSKs"),
		"a method":     named[*handclasp.Conn](`^Read$`),
	} {
		if found := look(t); len(found) != 1 {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// spoken looks among the extensions that the machines speak.
func spoken(list ...iana.ExtensionType) guard {
	return func(*testing.T) (found []string) {
		for _, x := range list {
			if slices.Contains(hs.Extensions(), x) {
				found = append(found, x.String())
			}
		}
		return found
	}
}

// signed looks among the signature schemes.
func signed(list ...iana.SignatureScheme) guard {
	return func(*testing.T) (found []string) {
		for _, s := range list {
			if sign.Supported(s) {
				found = append(found, s.String())
			}
		}
		return found
	}
}

// named looks among the fields and methods of T for names that match and are not
// known to be about something else.
func named[T any](pattern string, known ...string) guard {
	return func(*testing.T) (found []string) {
		var names []string
		of := reflect.TypeFor[T]()
		for i := range of.NumMethod() {
			names = append(names, of.Method(i).Name)
		}
		if of.Kind() == reflect.Struct {
			for i := range of.NumField() {
				names = append(names, of.Field(i).Name)
			}
		}
		for _, name := range names {
			if regexp.MustCompile(pattern).MatchString(name) && !slices.Contains(known, name) {
				found = append(found, name)
			}
		}
		return found
	}
}

// earlyExporter asks a server for keying material that has sent its Finished and
// waits for the client's.
func earlyExporter(t *testing.T) []string {
	psk := config.PSK{Identity: []byte("test"), Key: make([]byte, 32), Hash: crypto.SHA256}
	client, err := engine.NewClient(&config.ClientConfig{ServerName: "localhost", PSKs: []config.PSK{psk}})
	if err != nil {
		t.Fatal(err)
	}
	server, err := engine.NewServer(&config.ServerConfig{PSKs: []config.PSK{psk}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := server.Recv(client.Output(nil)); err != nil {
		t.Fatal(err)
	}
	if got := server.Info().State; len(server.Output(nil)) == 0 || got != fault.WaitFinished {
		t.Fatalf("the server is in %v", got)
	}
	if _, err := server.ExportKeyingMaterial("label", nil, 32); !errors.Is(err, fault.NotConnected) {
		return []string{"an exporter of servers that wait for the client's Finished"}
	}
	return nil
}
