#include <gtest/gtest.h>

#include "sandbox/policy/parse_policy.hpp"

namespace yett {
namespace {

TEST(ParseEndpoint, TakesEachForm) {
  const EndpointRule net = *parse_endpoint("tcp://10.0.0.0/8:443");
  EXPECT_EQ(net.scheme, EndpointScheme::tcp);
  EXPECT_TRUE(net.is_literal);
  EXPECT_EQ(net.prefix_length, 8);
  EXPECT_EQ(net.address[0], 10);
  EXPECT_EQ(net.port_first, 443);
  EXPECT_EQ(net.port_last, 443);

  const EndpointRule v6 = *parse_endpoint("udp://[::1]:53");
  EXPECT_TRUE(v6.is_ipv6);
  EXPECT_EQ(v6.prefix_length, 128);
  EXPECT_EQ(v6.address[15], 1);
  EXPECT_EQ(parse_endpoint("tcp://[2001:db8::]/32:1-9")->prefix_length, 32);

  const EndpointRule name = *parse_endpoint("tcp://api.example.com:443");
  EXPECT_FALSE(name.is_literal);
  EXPECT_EQ(name.host, "api.example.com");

  const EndpointRule any = *parse_endpoint("tcp://*:*");
  EXPECT_EQ(any.host, "*");
  EXPECT_EQ(any.port_last, 65535);
  EXPECT_EQ(parse_endpoint("unix:///run//db.sock")->path, "/run/db.sock");
}

TEST(ParseEndpoint, RefusesWhatIsNone) {
  for (const char* bad : {"",
                          "tcp",
                          "tcp://",
                          "http://a:80",
                          "tcp://a",
                          "tcp://a:",
                          "tcp://a:0",
                          "tcp://a:65536",
                          "tcp://a:9-8",
                          "tcp://a:080",
                          "tcp://a: 80",
                          "tcp://10.0.0.1/8:80",
                          "tcp://10.0.0.0/33:80",
                          "tcp://10.0.0:80",
                          "tcp://256.0.0.1:80",
                          "tcp://::1:80",
                          "tcp://[::1]",
                          "tcp://[::1:80",
                          "tcp://[zz]:80",
                          "tcp://-a:80",
                          "tcp://a_b:80",
                          "unix://run/db",
                          "unix:///a/../b",
                          "tcp://10.0.0.0/08:80"})
    EXPECT_FALSE(parse_endpoint(bad)) << bad;
}

TEST(ParseEndpoint, SaysTheMend) {
  EXPECT_EQ(parse_endpoint("tcp://10.0.0.1/8:80").error().message(),
            "endpoint 'tcp://10.0.0.1/8:80': the address has bits beyond its prefix (write the "
            "network's first address, or /32)");
}

}  // namespace
}  // namespace yett
