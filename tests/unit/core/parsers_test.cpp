// Parse once, then trust: what each parser takes, and that a refusal names the culprit.
#include <gtest/gtest.h>

#include "common/core/attributes.h"
#include "common/core/bitrate.h"
#include "common/core/text.h"
#include "common/core/vm.h"
#include "common/core/vnid.h"

namespace tenet {
namespace {

template <class T>
void expect_refused(const Result<T>& result, std::string_view culprit) {
  ASSERT_FALSE(result.has_value()) << culprit;
  EXPECT_EQ(result.error().code, Code::invalid);
  EXPECT_NE(result.error().text.find(culprit), std::string::npos) << result.error().text;
  EXPECT_FALSE(result.error().witness.entry.empty()) << result.error().text;
}

TEST(VnidTest, TextAndValueAreInverse) {
  for (const char* text : {"0", "1", "4096", "4096.2", "16777215", "16777215.255"}) {
    const auto vnid = Vnid::parse(text);
    ASSERT_TRUE(vnid.has_value()) << text;
    EXPECT_EQ(vnid->text(), text);
  }
  EXPECT_EQ(Vnid::parse("7.0")->text(), "7");
  EXPECT_EQ(*Vnid::parse("16777215.255"), Vnid(Vnid::kMaxId, 255));
}

TEST(VnidTest, RefusalsNameTheText) {
  for (const char* text : {"", "16777216", "-1", "+1", "01", " 1", "1 ", "1.", ".1", "1.256",
                           "1.01", "1.2.3", "0x10", "99999999999999999999999"}) {
    expect_refused(Vnid::parse(text), "'" + std::string(text) + "'");
  }
}

TEST(MacTest, TakesBothCasesAndWritesLower) {
  EXPECT_EQ(Mac::parse("52:54:00:AB:cd:eF")->text(), "52:54:00:ab:cd:ef");
}

TEST(MacTest, RefusesWhatNoVmCanOwn) {
  for (const char* text :
       {"", "52:54:00:12:34", "52-54-00-12-34-56", "52:54:00:12:34:5g", "52:54:00:12:34:567",
        "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"}) {
    expect_refused(Mac::parse(text), text);
  }
}

TEST(IpAddressTest, TextAndValueAreInverse) {
  for (const char* text : {"0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "::1", "2001:db8::1"}) {
    EXPECT_EQ(IpAddress::parse(text)->text(), text);
  }
  EXPECT_EQ(IpAddress::parse("2001:DB8:0:0::1")->text(), "2001:db8::1");
  EXPECT_NE(*IpAddress::parse("0.0.0.0"), *IpAddress::parse("::"));
}

TEST(IpAddressTest, KnowsMulticastAndUnspecified) {
  EXPECT_TRUE(IpAddress::parse("224.0.0.0")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("239.255.255.255")->is_multicast());
  EXPECT_FALSE(IpAddress::parse("223.255.255.255")->is_multicast());
  EXPECT_FALSE(IpAddress::parse("240.0.0.0")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("ff02::1")->is_multicast());
  EXPECT_FALSE(IpAddress::parse("fe80::1")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("::")->is_unspecified());
  EXPECT_FALSE(IpAddress::parse("0.0.0.1")->is_unspecified());
}

TEST(IpAddressTest, RefusalsNameTheText) {
  using namespace std::string_view_literals;
  for (const auto text : {""sv, "10.0.0"sv, "10.0.0.256"sv, "010.0.0.1"sv, "10.0.0.1 "sv, ":::"sv,
                          "fe80::1%eth0"sv, "10.0.0.1/8"sv}) {
    expect_refused(IpAddress::parse(text), text);
  }
  EXPECT_FALSE(IpAddress::parse("10.0.0.1\0x"sv).has_value());
}

TEST(PrefixTest, TakesAddressesAndLengths) {
  EXPECT_EQ(Prefix::parse("10.0.0.0/8")->text(), "10.0.0.0/8");
  EXPECT_EQ(Prefix::parse("10.0.0.1")->text(), "10.0.0.1/32");
  EXPECT_EQ(Prefix::parse("2001:db8::/32")->text(), "2001:db8::/32");
  EXPECT_EQ(Prefix::parse("::/0")->text(), "::/0");
}

TEST(PrefixTest, RefusalsNameTheTextAndWhatWasMeant) {
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/08", "x/8"}) {
    expect_refused(Prefix::parse(text), "'" + std::string(text) + "'");
  }
  expect_refused(Prefix::parse("10.1.2.3/8"), "did you mean 10.0.0.0/8?");
  expect_refused(Prefix::parse("2001:db8::1/64"), "did you mean 2001:db8::/64?");
}

TEST(PrefixTest, ContainsAndIntersectionAgree) {
  const auto wide = *Prefix::parse("10.0.0.0/8");
  const auto narrow = *Prefix::parse("10.9.0.0/16");
  const auto other = *Prefix::parse("11.0.0.0/8");
  EXPECT_TRUE(wide.contains(*IpAddress::parse("10.255.0.1")));
  EXPECT_FALSE(wide.contains(*IpAddress::parse("11.0.0.0")));
  EXPECT_FALSE(wide.contains(*IpAddress::parse("::")));
  EXPECT_EQ(Prefix::intersection(wide, narrow), narrow);
  EXPECT_EQ(Prefix::intersection(narrow, wide), narrow);
  EXPECT_EQ(Prefix::intersection(other, wide), std::nullopt);
  EXPECT_EQ(Prefix::intersection(wide, *Prefix::parse("::/0")), std::nullopt);
}

TEST(BitRateTest, TextUsesTheLargestSuffixThatIsExact) {
  EXPECT_EQ(BitRate::parse("1000kbit")->text(), "1Mbit");
  EXPECT_EQ(BitRate::parse("1500bit")->text(), "1500bit");
  EXPECT_EQ(BitRate::parse("1000000Tbit")->bits_per_second(), BitRate::kMax);
  EXPECT_EQ(BitRate().text(), "0bit");
}

TEST(BitRateTest, RefusalsNameTheText) {
  for (const char* text : {"", "0bit", "bit", "50", "50M", "50mbit", "1.5Gbit", "1000001Tbit",
                           "-1bit", "1 Mbit", "1000000000000000001bit"}) {
    expect_refused(BitRate::parse(text), "'" + std::string(text) + "'");
  }
}

TEST(VmTest, MakesAddressesCanonicalAndRefusesWhatIsNone) {
  Vm vm{"web-1", *Mac::parse("52:54:00:00:00:01")};
  vm.addresses = {*IpAddress::parse("10.0.0.2"), *IpAddress::parse("10.0.0.1"),
                  *IpAddress::parse("10.0.0.2")};
  vm.reserve = true;
  const auto made = make_vm(vm);
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(addresses_text(*made), "10.0.0.1 10.0.0.2");
  EXPECT_FALSE(made->reserve) << "an associated VM counts by itself";
  for (const char* id : {"", "-a", "a b", "a\n", "ä"}) {
    Vm bad = vm;
    bad.id = id;
    expect_refused(make_vm(bad), "'" + std::string(id) + "'");
  }
  Vm bad = vm;
  bad.id = std::string(65, 'a');
  EXPECT_FALSE(make_vm(bad).has_value());
  bad = vm;
  bad.port = "eth 1";
  expect_refused(make_vm(bad), "'eth 1'");
  bad = vm;
  bad.addresses = {*IpAddress::parse("239.0.0.1")};
  expect_refused(make_vm(bad), "239.0.0.1");
  bad.addresses.clear();
  for (int i = 1; i <= 17; ++i) {
    bad.addresses.push_back(*IpAddress::parse("10.0.0." + std::to_string(i)));
  }
  expect_refused(make_vm(bad), "web-1");
}

TEST(VmTest, AddressListsTakeSpacesAndCommasAndNameTheCulprit) {
  EXPECT_EQ(parse_addresses(" 10.0.0.1,10.0.0.2  ::1,")->size(), 3U);
  EXPECT_TRUE(parse_addresses("")->empty());
  expect_refused(parse_addresses("10.0.0.1 nonsense"), "'nonsense'");
}

TEST(TextTest, UnsignedHasNoSignsSpacesLeadingZerosNorOverflow) {
  EXPECT_EQ(parse_unsigned("0", 0), 0U);
  EXPECT_EQ(parse_unsigned("18446744073709551615", UINT64_MAX), UINT64_MAX);
  for (const char* text : {"18446744073709551616", "99999999999999999999", "", "00", "-0", " 1"}) {
    EXPECT_EQ(parse_unsigned(text, UINT64_MAX), std::nullopt) << text;
  }
  for (std::uint64_t max = 0; max < 30; ++max) {
    for (std::uint64_t n = 0; n < 200; ++n) {
      EXPECT_EQ(parse_unsigned(std::to_string(n), max).has_value(), n <= max);
    }
  }
}

TEST(AttributesTest, TheFirstThingWrongIsKept) {
  Element element{"thing", "urn:x"};
  element.set("a", "7").set("c", "no");
  Attributes in(element);
  in.optional<int>("a", "a letter", [](const std::string&) { return std::optional<int>(); });
  in.required<int>("b", "a number", [](const std::string&) { return std::optional<int>(1); });
  const auto error = in.finish();
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->text, "thing: a is '7'; write a letter");
  EXPECT_EQ(error->witness.entry, "thing");
}

TEST(AttributesTest, UnknownAttributesChildrenAndTextAreRefused) {
  Element element{"thing", "urn:x"};
  element.set("more", "1");
  EXPECT_NE(Attributes(element).finish()->text.find("more"), std::string::npos);
  Element with_child{"thing", "urn:x"};
  with_child.add("inner");
  EXPECT_NE(Attributes(with_child).finish()->text.find("inner"), std::string::npos);
  EXPECT_EQ(Attributes(with_child).finish(false), std::nullopt);
  Element with_text{"thing", "urn:x"};
  with_text.text = " \n x ";
  EXPECT_TRUE(Attributes(with_text).finish().has_value());
  with_text.text = " \n ";
  EXPECT_EQ(Attributes(with_text).finish(), std::nullopt);
}

}  // namespace
}  // namespace tenet
