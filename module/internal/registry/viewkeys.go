package registry

import (
	"slices"
	"strings"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/replica"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// keys are those that the view knows. The view's lock is that of made and of
// changes; the rest is read without one.
type keys struct {
	logger     *zap.Logger
	generation atomic.Uint64 // counts changes
	playback   atomic.Pointer[[]*token.Key]
	sessions   atomic.Pointer[sessions]
	made       []SigningKey
}

// sessions are what session tokens are made and known with. It does not change.
type sessions struct {
	keys   []sessiontoken.Key
	hasher sessiontoken.Hasher
}

func (k *keys) init(logger *zap.Logger) {
	k.logger = logger
	k.playback.Store(&[]*token.Key{})
	k.sessions.Store(new(sessions))
}

// take reads all keys anew. There are few of them.
func (k *keys) take(entries replica.Entries) {
	var playback []*token.Key
	k.made = nil
	if e, ok := entries[signingRecord]; ok {
		var record signingKeys
		if err := decode(e.Value, &record); err != nil {
			k.logger.Error("the signing keys cannot be read; their tokens are refused", zap.Error(err))
		}
		for _, made := range record.Keys {
			key, err := token.ParseKey(made.JWK, made.ID, made.Algorithm)
			if err != nil || !slices.Contains(token.States, made.State) || key.Symmetric() {
				k.logger.Error("a signing key cannot be used; its tokens are refused", zap.String("key", made.ID), zap.Error(err))
				continue
			}
			key.State = made.State
			playback = append(playback, key)
			k.made = append(k.made, made)
		}
	}
	playback = append(playback, k.takeOrgKeys(entries)...)
	k.playback.Store(&playback)
	k.sessions.Store(k.takeSessions(entries))
	k.generation.Add(1)
}

func (k *keys) takeSessions(entries replica.Entries) *sessions {
	s := new(sessions)
	if e, ok := entries[hashesRecord]; ok {
		var record hashSecret
		err := decode(e.Value, &record)
		if err == nil {
			s.hasher, err = sessiontoken.NewHasher(record.Secret)
		}
		if err != nil {
			k.logger.Error("the secret of hashes cannot be read; tokens are refused", zap.Error(err))
		}
	}
	if e, ok := entries[sessionRecord]; ok {
		var record sessionKeys
		if err := decode(e.Value, &record); err != nil {
			k.logger.Error("the session keys cannot be read; session tokens are refused", zap.Error(err))
		}
		for _, secret := range record.Keys {
			if key, err := sessiontoken.NewKey(secret.Secret); err == nil {
				s.keys = append(s.keys, key)
			}
		}
	}
	return s
}

func (k *keys) takeOrgKeys(entries replica.Entries) []*token.Key {
	var list []*token.Key
	for _, e := range entries {
		if !strings.HasPrefix(e.Key, orgKeyPrefix+".") {
			continue
		}
		own := new(OrgKey)
		err := decode(e.Value, own)
		var key *token.Key
		if err == nil {
			key, err = token.ParseKey(own.JWK, own.ID, own.Algorithm)
		}
		if err != nil || e.Key != orgKeyKey(own.Org, own.ID) || !slices.Contains(token.States, own.State) || key.Symmetric() {
			k.logger.Error("a customer's key cannot be used; its tokens are refused", zap.Error(err))
			continue
		}
		key.State, key.Orgs = own.State, []string{own.Org}
		list = append(list, key)
	}
	slices.SortFunc(list, func(a, b *token.Key) int { return strings.Compare(a.ID+a.Orgs[0], b.ID+b.Orgs[0]) })
	return list
}
