package iana

import "testing"

func TestClientCertificateTypeNames(t *testing.T) {
	for v, want := range map[ClientCertificateType]string{
		0: "0", RSASign: "rsa_sign", 2: "dss_sign", 3: "rsa_fixed_dh", 4: "dss_fixed_dh", 5: "rsa_ephemeral_dh", 6: "dss_ephemeral_dh",
		7: "7", 20: "fortezza_dms", ECDSASign: "ecdsa_sign", 65: "rsa_fixed_ecdh", 66: "ecdsa_fixed_ecdh", 67: "67",
	} {
		if v.String() != want {
			t.Errorf("%d: %s, want %s", v, v, want)
		}
	}
}
