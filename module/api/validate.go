package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"path"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// What huma does with a request over HTTP, a typed input needs as well: it is held
// against the same description.

// parameters calls f with each member of an input that comes from the URL.
func parameters(op *huma.Operation, in reflect.Value, f func(p *huma.Param, tag reflect.StructTag, value reflect.Value)) {
	for _, field := range reflect.VisibleFields(in.Type()) {
		for _, p := range op.Parameters {
			if field.Tag.Get(p.In) == p.Name {
				f(p, field.Tag, in.FieldByIndex(field.Index))
			}
		}
	}
}

// checkPath refuses names that no path can carry: nothing has them.
func checkPath(op *huma.Operation, in any) (err error) {
	parameters(op, reflect.ValueOf(in).Elem(), func(p *huma.Param, _ reflect.StructTag, value reflect.Value) {
		if p.In == "path" && err == nil {
			err = checkName(value.String())
		}
	})
	return err
}

// checkName is checkPath for one name.
func checkName(name string) error {
	if name == "" || path.Clean("/"+name) != "/"+name {
		return noSuchPath()
	}
	return nil
}

// validated is a copy of an input with its defaults, as a request that says the
// same would bring it, or the mistakes in it.
func validated[I any](schemas huma.Registry, op *huma.Operation, in *I) (*I, error) {
	out := *in
	v := reflect.ValueOf(&out).Elem()
	where := huma.NewPathBuffer(nil, 0)
	var found huma.ValidateResult
	parameters(op, v, func(p *huma.Param, tag reflect.StructTag, value reflect.Value) {
		if value.IsZero() {
			setDefault(value, tag.Get("default"))
		}
		if value.IsZero() {
			return
		}
		where.Reset()
		where.Push(p.In)
		where.Push(p.Name)
		huma.Validate(schemas, p.Schema, where, huma.ModeWriteToServer, value.Interface(), &found)
	})
	if body := v.FieldByName("Body"); body.IsValid() && (body.Kind() != reflect.Pointer || !body.IsNil()) {
		text, err := json.Marshal(body.Interface())
		if err != nil {
			return nil, err
		}
		if len(text) > maxBody {
			return nil, fromHuma(&huma.ErrorModel{Status: http.StatusRequestEntityTooLarge, Errors: details(found)})
		}
		where.Reset()
		where.Push("body")
		var members any
		fresh := reflect.New(body.Type())
		if err := errors.Join(unmarshal(text, &members), unmarshal(text, fresh.Interface())); err != nil {
			found.Add(where, nil, errJSON.Error())
			return nil, fromHuma(&huma.ErrorModel{Status: http.StatusBadRequest, Errors: details(found)})
		}
		huma.Validate(schemas, op.RequestBody.Content["application/json"].Schema, where, huma.ModeWriteToServer, members, &found)
		body.Set(fresh.Elem()) // a text that is not UTF-8 is what JSON makes of it
	}
	if len(found.Errors) > 0 {
		return nil, fromHuma(&huma.ErrorModel{Status: http.StatusUnprocessableEntity, Errors: details(found)})
	}
	return &out, nil
}

// setDefault sets a member of the URL that was left out.
func setDefault(value reflect.Value, text string) {
	switch value.Kind() {
	case reflect.String:
		value.SetString(text)
	case reflect.Int:
		if n, err := strconv.Atoi(text); err == nil {
			value.SetInt(int64(n))
		}
	}
}

// details are the mistakes that huma found.
func details(found huma.ValidateResult) (list []*huma.ErrorDetail) {
	for _, err := range found.Errors {
		if d, ok := err.(*huma.ErrorDetail); ok { //nolint:errorlint // as huma adds it
			list = append(list, d)
		}
	}
	return list
}
