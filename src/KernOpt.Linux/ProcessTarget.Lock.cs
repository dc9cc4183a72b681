using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using KernOpt.Linux.Native;
using KernOpt.Linux.Proofs;
using KernOpt.Linux.Regions;
using KernOpt.Target;

namespace KernOpt.Linux;

public sealed partial class ProcessTarget
{
    private static readonly TimeSpan LongestInRoom = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// The right to change this target, held until disposed or until this process ends in whatever way: an abstract socket name (unix(7)), which the kernel
    /// releases. What a killed holder left besides whole regions is removed first. Names are per network namespace: a holder in another one is known by what it maps of
    /// the target's regions, where its process can be seen. Refused (4011) when another one holds it.
    /// </summary>
    public Outcome<IDisposable> TryLockForChange()
    {
        var name = new UnixDomainSocketEndPoint($"\0kernopt-{Pid}-{status.StartTicks}");
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(name);
            socket.Listen(64);
            if (Sharers.Stranger(Pid, ReadMap()) is { } other)
            {
                socket.Dispose();
                return Reasons.TargetBusy.With($"{Name} is being changed by pid {other}");
            }
            AwaitEmptyRoom();
            return new ChangeLock(this, socket);
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            socket.Dispose();
            return Reasons.TargetBusy.With(HolderOf(name) is { } holder ? $"{Name} is being changed by pid {holder}" : $"{Name}");
        }
    }

    /// <summary>The process that listens on the name, by its credentials (SO_PEERCRED of unix(7)), when it can be asked.</summary>
    private static int? HolderOf(UnixDomainSocketEndPoint name)
    {
        const int socketLevel = 1, peerCredentials = 17;
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
        try
        {
            socket.Connect(name);
            Span<byte> credentials = stackalloc byte[12];   // struct ucred: pid, uid, gid
            return socket.GetRawSocketOption(socketLevel, peerCredentials, credentials) == 12 ? BinaryPrimitives.ReadInt32LittleEndian(credentials) : null;
        }
        catch (SocketException)
        {
            return null;
        }
    }

    /// <summary>
    /// Removes what can be. A thread in a room for calls may have some to make that were right for whoever was killed: it gets the time for them. A target of which cannot be proved where its threads
    /// are keeps the room.
    /// </summary>
    private void AwaitEmptyRoom()
    {
        for (var started = Stopwatch.GetTimestamp(); ; SystemCall.Sleep(50_000_000))
        {
            RemoveLeftovers();
            if (!ReadMap().Mappings.Any(m => m.Path == RegionMaps.RoomPath) || Stopwatch.GetElapsedTime(started) > LongestInRoom) return;
        }
    }

    /// <summary>Given back, the room for calls is unmapped, if it can be.</summary>
    private sealed class ChangeLock(ProcessTarget target, Socket socket) : IDisposable
    {
        public void Dispose()
        {
            lock (target.regionGate)
            {
                if (Volatile.Read(ref target.isDisposed) == 0 && target.State == TargetState.Alive)
                {
                    target.Runs.Close();
                    if (target.Runs.IsLeft) target.RemoveLeftovers();
                }
            }
            socket.Dispose();
        }
    }
}
