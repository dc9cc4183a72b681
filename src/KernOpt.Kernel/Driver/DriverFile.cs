using KernOpt.Linux.Native;
using KernOpt.Linux.Regions;
using KernOpt.Target;

namespace KernOpt.Kernel.Driver;

/// <summary>An open /dev/kernopt. Closing it gives back the right to change; what was changed stays.</summary>
internal sealed unsafe class DriverFile : IDisposable
{
    public const string Path = "/dev/kernopt";
    private const uint Version = 1;
    private const int ReadAndWrite = 2, CloseOnExec = 0x80000;

    private int descriptor;
    private DriverInfo info;

    private DriverFile(int descriptor) => this.descriptor = descriptor;

    /// <summary>As it was when the file was opened.</summary>
    public DriverInfo Info => info;

    /// <summary>Refused: 4601 without the driver, 4602 without permission, 4603 where it is of another version.</summary>
    public static Outcome<DriverFile> Open()
    {
        var descriptor = SystemCall.Open(Path, ReadAndWrite | CloseOnExec);
        if (descriptor is -Errno.NotPermitted or -Errno.AccessDenied) return Reasons.NoKernelPermission.With(Errno.Describe(descriptor));
        if (descriptor < 0) return Reasons.NoKernelDriver.With($"{Path}: {Errno.Describe(descriptor)}");
        var file = new DriverFile(descriptor);
        var answer = file.Call(DriverCalls.Info, ref file.info);
        if (answer >= 0 && file.info.Version == Version) return file;
        file.Dispose();
        return Reasons.OtherKernelDriver.With(answer < 0 ? Errno.Describe(answer) : $"version {file.info.Version}, {Version} is needed");
    }

    /// <summary>0 or more, or the negated error.</summary>
    public long Call<T>(uint request, ref T argument) where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(descriptor < 0, this);
        // The kernel reads and writes no more than sizeof(T) bytes, which are part of the request's number.
        fixed (T* pinned = &argument) return SystemCall.Invoke(CallNumber.ioctl, descriptor, request, (long)pinned);
    }

    public long Call(uint request) => SystemCall.Invoke(CallNumber.ioctl, descriptor, request);

    /// <summary>Maps a region's memory here, for reading and writing.</summary>
    public Outcome<SharedRegion> Map(RegionRecord region) =>
        SharedRegion.Open(descriptor, region.Offset, new AddressRange(new Address(region.At), region.DataBytes + region.CodeBytes), region.DataBytes, Reasons.KernelCallFailed);

    public void Dispose()
    {
        if (descriptor < 0) return;
        SystemCall.Close(descriptor);
        descriptor = -1;
    }
}
