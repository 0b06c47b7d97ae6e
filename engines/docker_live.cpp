#include "engines/docker_live.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "host/error.h"
#include "host/fd.h"
#include "host/text.h"

namespace engines {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds patience(30);
constexpr std::size_t max_answer = std::size_t{8} << 20U;  // bytes

host::Error failed(const std::string& socket, const std::string& why) {
  return {host::ErrorKind::unverifiable, "Docker's socket " + host::quoted(socket) + " gave no answer: " + why};
}

// Waits until the socket is ready for `events`; false once patience is at its end.
bool wait_for(int fd, int events, Clock::time_point end) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd ready{fd, static_cast<short>(events), 0};
    const int count = left > 0 ? poll(&ready, 1, static_cast<int>(left)) : 0;
    if (count >= 0) return count > 0;
    if (errno != EINTR) return false;
  }
}

host::Fd connect_to(const std::string& path) {
  host::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw failed(path, "its name is too long");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (!socket || connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw failed(path, errno == ECONNREFUSED ? "nobody listens" : host::reason(errno));
  return socket;
}

// HTTP/1.0: the answer ends with the connection, and is in one piece (RFC 1945). No library, for one question.
std::string get(const std::string& path, std::string_view resource) {
  const auto end = Clock::now() + patience;
  const host::Fd socket = connect_to(path);
  const std::string request = "GET " + std::string(resource) + " HTTP/1.0\r\nHost: docker\r\n\r\n";
  if (!wait_for(socket.get(), POLLOUT, end) ||
      send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    throw failed(path, "it takes no question");
  std::string answer;
  std::array<char, 16384> buffer{};
  for (;;) {
    if (!wait_for(socket.get(), POLLIN, end)) throw failed(path, "it is silent");
    const ssize_t n = recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (n == 0) break;
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) throw failed(path, host::reason(errno));
    answer.append(buffer.data(), static_cast<std::size_t>(n));
    if (answer.size() > max_answer) throw failed(path, "it does not stop talking");
  }
  const std::size_t body = answer.find("\r\n\r\n");
  if (body == std::string::npos || answer.find(" 200 ") != answer.find(' '))
    throw failed(path, host::quoted(answer.substr(0, answer.find('\r')), 80));
  return answer.substr(body + 4);
}

std::string text_of(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Registrations docker_info_registrations(const std::string& body, const std::string& where) {
  const auto info = nlohmann::json::parse(body, nullptr, false);
  const auto runtimes = info.is_object() ? info.find("Runtimes") : info.end();
  if (!info.is_object() || runtimes == info.end() || !runtimes->is_object())
    throw host::Error(host::ErrorKind::unverifiable, where + " does not answer as Docker does");
  const std::string chosen = text_of(info, "DefaultRuntime");
  Registrations found;
  for (const auto& [name, runtime] : runtimes->items()) {
    if (!runtime.is_object()) continue;
    // One that is a shim of containerd's has a type instead, which may be told a path (moby, api/types/system/runtime.go).
    std::string path = text_of(runtime, "path");
    if (const auto options = runtime.find("options"); path.empty() && options != runtime.end() && options->is_object())
      path = text_of(*options, "BinaryName");
    found.push_back({name, path.empty() ? text_of(runtime, "runtimeType") : path, where, name == chosen});
  }
  if (!chosen.empty() && default_of(found) == nullptr) found.push_back({chosen, chosen, where, true});
  return found;
}

Registrations docker_live_registrations(const std::string& socket) {
  return docker_info_registrations(get(socket, "/info"), "GET /info on " + socket);
}

}  // namespace engines
