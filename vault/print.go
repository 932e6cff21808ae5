package vault

import "fmt"

// What holds keys prints as its name, whatever verb meets it.

// Format writes the name of the type.
func (v *Vault) Format(f fmt.State, _ rune) { f.Write([]byte("[vault]")) }

// Format writes the name of the type.
func (k *KeyFile) Format(f fmt.State, _ rune) { f.Write([]byte("[key file]")) }
