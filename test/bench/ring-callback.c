/* The usual shape of an add-on that reads events: one call into JavaScript for each record, with an object of what it says.
 * Node's npm package has no headers, and the few functions of Node-API used here do not change between versions, so they are
 * declared here. gcc -O2 -shared -fPIC */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef void *napi_env;
typedef void *napi_value;
typedef void *napi_callback_info;
typedef void *napi_handle_scope;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);
extern int napi_create_function(napi_env, const char *, size_t, napi_callback, void *, napi_value *);
extern int napi_get_cb_info(napi_env, napi_callback_info, size_t *, napi_value *, napi_value *, void **);
extern int napi_get_arraybuffer_info(napi_env, napi_value, void **, size_t *);
extern int napi_get_value_uint32(napi_env, napi_value, uint32_t *);
extern int napi_get_undefined(napi_env, napi_value *);
extern int napi_create_object(napi_env, napi_value *);
extern int napi_create_uint32(napi_env, uint32_t, napi_value *);
extern int napi_create_double(napi_env, double, napi_value *);
extern int napi_create_string_latin1(napi_env, const char *, size_t, napi_value *);
extern int napi_set_property(napi_env, napi_value, napi_value, napi_value);
extern int napi_call_function(napi_env, napi_value, napi_value, size_t, const napi_value *, napi_value *);
extern int napi_open_handle_scope(napi_env, napi_handle_scope *);
extern int napi_close_handle_scope(napi_env, napi_handle_scope);

#define NAPI_AUTO_LENGTH ((size_t)-1)
enum { MEMORY, RECORD_BYTES, COUNT, TEXT_AT, CALLBACK, ARGUMENTS };

/* read(memory, bytes of a record with its eight before it, how many, where its text stands or 0, callback): the header's type,
 * pid and time, and the text, as properties of one object. */
static napi_value read_records(napi_env env, napi_callback_info info) {
  size_t count = ARGUMENTS, length = 0;
  napi_value given[ARGUMENTS], undefined, keys[4];
  void *memory = 0;
  uint32_t step = 0, records = 0, text_at = 0;
  napi_get_cb_info(env, info, &count, given, 0, 0);
  napi_get_arraybuffer_info(env, given[MEMORY], &memory, &length);
  napi_get_value_uint32(env, given[RECORD_BYTES], &step);
  napi_get_value_uint32(env, given[COUNT], &records);
  napi_get_value_uint32(env, given[TEXT_AT], &text_at);
  napi_get_undefined(env, &undefined);
  const char *names[] = {"type", "pid", "time", "text"};
  /* Made once: an add-on that makes them for each record is slower still. */
  for (int i = 0; i < 4; i++) napi_create_string_latin1(env, names[i], NAPI_AUTO_LENGTH, &keys[i]);
  for (uint32_t i = 0; i < records; i++) {
    const char *record = (const char *)memory + (size_t)i * step + 8;
    napi_handle_scope scope;
    napi_value object, value, answer;
    uint16_t type;
    uint32_t pid;
    uint64_t time;
    memcpy(&type, record, 2);
    memcpy(&time, record + 8, 8);
    memcpy(&pid, record + 16, 4);
    napi_open_handle_scope(env, &scope);
    napi_create_object(env, &object);
    napi_create_uint32(env, type, &value);
    napi_set_property(env, object, keys[0], value);
    napi_create_uint32(env, pid, &value);
    napi_set_property(env, object, keys[1], value);
    napi_create_double(env, (double)time, &value);
    napi_set_property(env, object, keys[2], value);
    if (text_at) {
      napi_create_string_latin1(env, record + text_at, strlen(record + text_at), &value);
      napi_set_property(env, object, keys[3], value);
    }
    napi_call_function(env, undefined, given[CALLBACK], 1, &object, &answer);
    napi_close_handle_scope(env, scope);
  }
  return undefined;
}

napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_value name, function;
  napi_create_string_latin1(env, "read", NAPI_AUTO_LENGTH, &name);
  napi_create_function(env, "read", NAPI_AUTO_LENGTH, read_records, 0, &function);
  napi_set_property(env, exports, name, function);
  return exports;
}
