// What Electron answers to who asks for an external ArrayBuffer. A program's own symbols come
// before those of a library; so the addon asks for another name, of the same length.
int napi_create_external_arraybuffe_(void* env, void* data, unsigned long size, void* finalize,
                                     void* hint, void* result) {
  (void)env, (void)data, (void)size, (void)finalize, (void)hint, (void)result;
  return 22;  // napi_no_external_buffers_allowed
}
