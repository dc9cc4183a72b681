using KernOpt.Linux.Native;
using KernOpt.Linux.Regions;
using Xunit;

namespace KernOpt.Tests.Live.Linux;

/// <summary>A program may put another file in place of the one that it was made to open; we may be root.</summary>
public sealed class OwnFileTests
{
    private const uint AllowSealing = 2;

    [Fact]
    public void MemoryFile_IsNew_UntilItHasItsLength_AndThenIsSealed()
    {
        var descriptor = SystemCall.CreateMemoryFile("kernopt", AllowSealing);
        using var file = OwnFile.Take(Environment.ProcessId, (ulong)descriptor).Value;
        Assert.True(file.IsNew);
        Assert.False(file.IsSealedAt(4096));
        Assert.True(file.SetLength(4096).IsDone);
        Assert.False(file.IsNew);
        Assert.True(file.IsSealedAt(4096));
        Assert.False(file.IsSealedAt(8192));
        Assert.False(file.SetLength(0).IsDone);
        SystemCall.Close(descriptor);
    }

    [Fact]
    public void FileWithAName_IsNeverTakenForOurs()
    {
        var path = Path.GetTempFileName();
        File.WriteAllText(path, "precious");
        var descriptor = SystemCall.Open(path, OpenFlags.ReadWrite);
        using (var file = OwnFile.Take(Environment.ProcessId, (ulong)descriptor).Value)
        {
            Assert.False(file.IsNew);
            Assert.False(file.IsSealedAt(1));
            Assert.False(SharedRegion.Open(file, new(new(4096), 8), 4).IsDone);
            // Also when nobody can see it any more.
            File.Delete(path);
            Assert.False(file.IsNew);
        }
        SystemCall.Close(descriptor);
    }
}
