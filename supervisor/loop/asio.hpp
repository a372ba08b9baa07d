// The parts of Asio that the loop uses, and how it is configured; included by this room's .cpp
// files only. Asio is used through its error_code overloads.
#pragma once

#define BOOST_ASIO_NO_DEPRECATED
#define BOOST_ASIO_DISABLE_BOOST_DATE_TIME

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
