package target

// The alphabets of names are those of package token; they are written here
// again because neither package knows the other. A test in package access
// keeps them equal.

func validOrg(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if !orgByte(s[i]) {
			return false
		}
	}
	return true
}

func validStream(s string) bool {
	if s == "" || len(s) > 128 || s == "." || s == ".." {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !orgByte(c) && c != '.' && c != '-' {
			return false
		}
	}
	return true
}
