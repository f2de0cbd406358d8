//! Linux: links from rtnetlink, sockets bound to a link, TCP_INFO, name resolution.
