#pragma once

// Annotations that say which lock guards what. clang checks them (-Wthread-safety, see
// https://clang.llvm.org/docs/ThreadSafetyAnalysis.html and scripts/support/thread-safety.mjs). For
// g++, which builds the addon, they expand to nothing.

#if defined(__clang__)
#define ZEROSEND_ANNOTATION(x) __attribute__((x))
#else
#define ZEROSEND_ANNOTATION(x)
#endif

// On a class: it is a lock; it holds a lock during its lifetime.
#define CAPABILITY(name) ZEROSEND_ANNOTATION(capability(name))
#define SCOPED_CAPABILITY ZEROSEND_ANNOTATION(scoped_lockable)

// On a member: it is read and written only under the lock.
#define GUARDED_BY(mutex) ZEROSEND_ANNOTATION(guarded_by(mutex))

// On a function: the caller must hold the lock; must not hold it; the function takes it; the
// function releases it.
#define REQUIRES(...) ZEROSEND_ANNOTATION(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) ZEROSEND_ANNOTATION(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) ZEROSEND_ANNOTATION(acquire_capability(__VA_ARGS__))
#define RELEASE(...) ZEROSEND_ANNOTATION(release_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) ZEROSEND_ANNOTATION(try_acquire_capability(__VA_ARGS__))
// In a function: the lock is held here, though the analysis cannot follow that, as in a lambda that
// other code calls.
#define ASSERT_CAPABILITY(...) ZEROSEND_ANNOTATION(assert_capability(__VA_ARGS__))
// On a function that is safe by another rule than a lock; a comment there states the rule.
#define NO_THREAD_SAFETY_ANALYSIS ZEROSEND_ANNOTATION(no_thread_safety_analysis)
