package main

import (
	"encoding/asn1"
	"encoding/pem"
	"math/big"

	"github.com/handclasp/handclasp/internal/kex"
)

// dhPEM writes parameters as openssl dhparam does (PKCS #3):
//
//	DHParameter ::= SEQUENCE {
//	  prime INTEGER, -- p
//	  base INTEGER } -- g
func dhPEM(p kex.Params) ([]byte, error) {
	der, err := asn1.Marshal(struct{ P, G *big.Int }{new(big.Int).SetBytes(p.P), new(big.Int).SetBytes(p.G)})
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "DH PARAMETERS", Bytes: der}), nil
}
