package wire

// A message that is used again for another connection keeps the places of its lists,
// and nothing that was in them.

// Reset empties m.
func (m *ClientHello) Reset() {
	m.Extensions.Reset()
	*m = ClientHello{Extensions: m.Extensions, KeyShares: emptied(m.KeyShares),
		PSKIdentities: emptied(m.PSKIdentities), PSKBinders: emptied(m.PSKBinders)}
}

// Reset empties m.
func (m *ServerHello) Reset() {
	m.Extensions.Reset()
	*m = ServerHello{Extensions: m.Extensions}
}

// Reset empties m.
func (m *EncryptedExtensions) Reset() {
	m.Extensions.Reset()
	*m = EncryptedExtensions{Extensions: m.Extensions}
}

// Reset empties m.
func (m *Certificate) Reset() { *m = Certificate{List: emptied(m.List)} }

func emptied[T any](list []T) []T {
	clear(list[:cap(list)])
	return list[:0]
}
