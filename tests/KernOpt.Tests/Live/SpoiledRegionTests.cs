using System.Buffers.Binary;
using CsCheck;
using KernOpt.Live;
using KernOpt.Live.Regions;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live;

/// <summary>The target can write its region as it likes: nothing that is in it makes us fail, or store anything but the file's bytes over ours.</summary>
public sealed class SpoiledRegionTests
{
    private const int TablesEnd = (int)RegionFormat.Entries + RegionFormat.EntryBytes * 32;

    [Fact]
    public void SpoiledAnywhere_NothingIsStoredButOriginalBytesOverOurs()
    {
        var spoiled = Gen.Select(Gen.OneOf(Gen.Int[0, 512], Gen.Int[4096, 4096 + 8 * 64], Gen.Int[(int)RegionFormat.Entries, TablesEnd]), Gen.Byte.Array[1, 24]).Array[1, 6];
        spoiled.Sample(places =>
        {
            var target = TinyProgram.Make();
            TinyProgram.InstallEverything(target);
            foreach (var (at, bytes) in places) bytes.CopyTo(target.Regions[0].Bytes, at);
            AssertOnlyRestores(target);
        }, iter: 300);
    }

    [Fact]
    public void FilledWithRandomBytes_NothingIsStored()
    {
        var random = new Random(5);
        for (var round = 0; round < 20; round++)
        {
            var target = TinyProgram.Make();
            TinyProgram.InstallEverything(target);
            var before = target.Text.ToArray();
            random.NextBytes(target.Regions[0].Bytes.AsSpan(0, TablesEnd));
            if (round % 2 == 0) BinaryPrimitives.WriteUInt64LittleEndian(target.Regions[0].Bytes, RegionFormat.Magic);
            var report = TinyProgram.Open(target).RevertAll();
            Assert.False(report.IsTextRestored);
            Assert.Equal(before, target.Text);
            Assert.Single(target.Regions);
        }
    }

    [Fact]
    public void HeaderLost_TheUndoLogIsStillFoundAndUsed()
    {
        var target = TinyProgram.Make();
        TinyProgram.InstallEverything(target);
        target.Regions[0].Bytes.AsSpan(0, (int)RegionFormat.HeaderBytes).Clear();
        var report = TinyProgram.Open(target).RevertAll();
        Assert.Contains(report.Problems, p => p.Reason == Reasons.RegionDamaged);
        Assert.True(target.TextIsTheFiles);
        Assert.Single(target.Regions);
    }

    [Fact]
    public void DamagedRegion_TakesNothingNew()
    {
        var target = TinyProgram.Make();
        TinyProgram.Redirect(TinyProgram.Open(target), target, 0);
        target.Regions[0].Bytes[(int)RegionFormat.Entries + RegionFormat.EntryField.CodeOffset + 3] ^= 1;
        TinyProgram.Redirect(TinyProgram.Open(target), target, 1);
        Assert.Equal(2, target.Regions.Count);
    }

    [Fact]
    public void OtherFormat_IsLeftAlone()
    {
        var target = TinyProgram.Make();
        TinyProgram.InstallEverything(target);
        var before = target.Text.ToArray();
        target.Regions[0].Bytes[(int)RegionFormat.Header.Version] = 99;
        Assert.Contains(TinyProgram.Open(target).RevertAll().Problems, p => p.Reason == Reasons.RegionOfOtherFormat);
        Assert.Equal(before, target.Text);
        Assert.Single(target.Regions);
    }

    /// <summary>A record that was forged, checksum and all, to store other bytes than the file's.</summary>
    [Fact]
    public void ForgedOriginalBytes_AreRefused()
    {
        var target = TinyProgram.Make();
        var redirect = TinyProgram.Redirect(TinyProgram.Open(target), target, 0);
        var region = target.Regions[0];
        var record = UndoRecord.Decode(region.Bytes.AsSpan((int)RegionFormat.UndoLog, RegionFormat.UndoRecordBytes), out var state)!;
        (record with { Original = [.. record.Original.Select(b => (byte)~b)] }).Encode(state, region.Bytes.AsSpan((int)RegionFormat.UndoLog));
        var before = target.Text.ToArray();
        Assert.Contains(TinyProgram.Open(target).RevertAll().Problems, p => p.Reason == Reasons.RecordImplausible);
        Assert.Equal(before, target.Text);
        Assert.Equal(redirect.Site, record.At);
    }

    [Fact]
    public void Record_RoundTrips_AndAnyFlippedBitIsNoticed()
    {
        Gen.Select(Gen.ULong, Gen.Byte.Array[5], Gen.Byte.Array[5], Gen.ULong, Gen.Int[8, 511]).Sample((at, original, patched, owner, bit) =>
        {
            var record = new UndoRecord(ChangeKind.Entry, new Address(at), [.. original], [.. patched], 7, owner);
            var bytes = new byte[RegionFormat.UndoRecordBytes];
            record.Encode(UndoState.Done, bytes);
            var read = UndoRecord.Decode(bytes, out var state)!;
            Assert.Equal((record.At, record.Kind, record.Owner, UndoState.Done), (read.At, read.Kind, read.Owner, state));
            Assert.Equal(record.Patched, read.Patched);
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Null(UndoRecord.Decode(bytes, out _));
        });
    }

    private static void AssertOnlyRestores(ByteTarget target)
    {
        var before = target.Text.ToArray();
        target.Stores.Clear();
        TinyProgram.Open(target).RevertAll();
        var original = TinyProgram.Make().Text;
        for (var i = 0; i < before.Length; i++) Assert.True(target.Text[i] == before[i] || target.Text[i] == original[i], $"byte {i}");
    }
}
