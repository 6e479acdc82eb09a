import Dispatch
import NIOCore

/// Sends back what comes.
final class Echo: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.write(data, promise: nil) }
    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// In the listener's pipeline: keeps count of the connections that are not finished. A connection is counted in the turn that
/// accepts it, so there is no moment in which the listener has stopped and a connection is not known yet.
final class CountConnections: ChannelInboundHandler, Sendable {
    typealias InboundIn = any Channel

    private let open: DispatchGroup

    init(_ open: DispatchGroup) { self.open = open }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        open.enter()
        unwrapInboundIn(data).closeFuture.whenComplete { [open] _ in open.leave() }
        context.fireChannelRead(data)
    }
}
