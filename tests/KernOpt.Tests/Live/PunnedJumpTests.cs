using System.Buffers.Binary;
using CsCheck;
using Iced.Intel;
using KernOpt.Live.Points.Punning;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live;

/// <summary>The jumps as a disassembler reads them, where stones lie, and what is on their pages.</summary>
public sealed class PunnedJumpTests
{
    private static readonly Address At = new(0x7f00_1234_5678);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void EveryChoice_IsAJumpThatEndsInUnchangedText(int stored)
    {
        Gen.Select(Gen.Byte.Array[PunnedJump.MostBytes], Gen.ULong).Sample((text, choice) =>
        {
            var jumps = PunnedJump.Of(At, stored, text).ToList();
            Assert.Equal(stored, jumps.Count);
            foreach (var jump in jumps)
            {
                var landing = jump.First + choice % jump.Choices;
                var bytes = jump.BytesTo(landing);
                Assert.Equal(stored, bytes.Length);
                byte[] live = [.. bytes, .. text[stored..]];
                var instruction = Decoder.Create(64, live, At.Value).Decode();
                Assert.Equal(Iced.Intel.Code.Jmp_rel32_64, instruction.Code);
                Assert.Equal(landing.Value, instruction.NearBranch64);
                Assert.Equal(jump.Extent, new AddressRange(At, (ulong)instruction.Length));
                Assert.Equal(jump.Extent, PunnedJump.ExtentOf(At, bytes));
                Assert.Equal(new Address(instruction.NextIP), jump.Extent.End);
            }
        });
    }

    /// <summary>One byte has no choice, and each stored byte more is a byte of choice: the bytes behind are the high ones.</summary>
    [Fact]
    public void BytesBehind_AreTheHighOnesOfTheDisplacement()
    {
        byte[] text = [0x53, 0x48, 0x89, 0xfb, 0xe8, 0, 0, 0];
        var one = Assert.Single(PunnedJump.Of(At, 1, text));
        Assert.Equal((At + 5 + unchecked((int)0xe8fb8948), 1UL), (one.First, one.Choices));
        var two = PunnedJump.Of(At, 2, text).ToList();
        Assert.Equal((At + 5 + unchecked((int)0xe8fb8900), 256UL), (two[0].First, two[0].Choices));
        Assert.Equal((At + 6 + 0x00e8fb89, 1UL, 1), (two[1].First, two[1].Choices, two[1].Prefixes));
        Assert.Equal([0x2e, 0xe9], two[1].BytesTo(two[1].First));
        Assert.Equal([1UL << 24, 1UL << 16, 256UL, 1UL], PunnedJump.Of(At, 4, text).Select(j => j.Choices));
        Assert.Throws<ArgumentOutOfRangeException>(() => two[0].BytesTo(two[0].First + 256));
    }

    /// <summary>At the end of what can be read there are no bytes that would complete it.</summary>
    [Fact]
    public void ShortText_MakesFewerJumps() => Assert.Equal([0], PunnedJump.Of(At, 4, [1, 2, 3, 4, 5]).Select(j => j.Prefixes));

    [Fact]
    public void ExtentOfOtherChanges_IsWhatIsStored()
    {
        Assert.Equal(2UL, PunnedJump.ExtentOf(At, [0xeb, 5]).Length);
        Assert.Equal(5UL, PunnedJump.ExtentOf(At, [0xe8, 1, 2, 3, 4]).Length);
        Assert.Equal(5UL, PunnedJump.ExtentOf(At, [0xe9, 1, 2, 3, 4]).Length);
    }

    [Fact]
    public void Stones_ShareAPageWherePossible_AndNeverOverlap()
    {
        var room = new StoneRoom([Pages(0x10_0000, 16)]);
        var taken = new List<Address>();
        for (var i = 0; i < 600; i++)
        {
            var stone = room.Find(new Address(0x10_0000 + (ulong)i), 1 << 16)!.Value;
            Assert.DoesNotContain(taken, t => Math.Abs(t - stone) < StoneRoom.StoneBytes);
            Assert.True(stone.Value % 4096 + StoneRoom.StoneBytes <= 4096, $"{stone} reaches into the next page");
            taken.Add(stone);
            room.Take(stone);
        }
        Assert.Equal(3, taken.Select(t => t.AlignDown(4096)).Distinct().Count());
    }

    [Fact]
    public void Stone_IsNeverOutsideOfFreePages_OrOfTheChoices()
    {
        var free = new[] { Pages(0x20_0000, 1), Pages(0x30_0000, 2) };
        Gen.Select(Gen.ULong[0x1f_0000, 0x31_0000], Gen.ULong[1, 0x12_0000]).Sample((first, count) =>
        {
            var room = new StoneRoom(free);
            var isThere = free.Any(f => f.Start.Value < first + count && f.End.Value > first + StoneRoom.StoneBytes);
            if (room.Find(new Address(first), count) is not { } stone) return;
            Assert.True(isThere && stone.Value >= first && stone.Value < first + count);
            Assert.Contains(free, f => f.Contains(new AddressRange(stone, StoneRoom.StoneBytes)));
        });
        Assert.Null(new StoneRoom(free).Find(new Address(0x20_0000 + 4096 - StoneRoom.StoneBytes + 1), 1));
        Assert.NotNull(new StoneRoom(free).Find(new Address(0x20_0000 + 4096 - StoneRoom.StoneBytes), 1));
        Assert.Null(new StoneRoom(free).Find(new Address(ulong.MaxValue - 5), 256));
        Assert.True(new StoneRoom([]).IsEmpty && new StoneRoom([]).Find(new Address(0x20_0000), 1 << 24) is null);
    }

    [Fact]
    public void StoneAtOneAddressInSoMany_IsOnOneOfThem()
    {
        var free = new[] { Pages(0x20_0000, 3), Pages(0x123_4000, 2), Pages(0x300_0000, 600) };
        var range = new AddressRange(new Address(0x10_0000), 0x400_0000);
        Gen.Select(Gen.ULong, Gen.Int[1, 3]).Sample((from, bytes) =>
        {
            var (room, step, taken) = (new StoneRoom(free), 1UL << (8 * bytes), new List<Address>());
            for (var i = 0; i < 20 && room.FindEvery(range, new Address(from), step) is { } stone; i++)
            {
                Assert.Equal(0UL, unchecked(from - stone.Value) % step);
                Assert.Contains(free, f => f.Contains(new AddressRange(stone, StoneRoom.StoneBytes)));
                Assert.DoesNotContain(taken, t => Math.Abs(t - stone) < StoneRoom.StoneBytes);
                room.Take(stone);
                taken.Add(stone);
            }
            Assert.True(bytes > 1 || taken.Count == 20);
            Assert.True(bytes > 2 || from % 4096 > 4096 - StoneRoom.StoneBytes || taken.Count > 10);
        });
    }

    [Fact]
    public void OnePageOfTheFile_ServesPagesWhoseStonesLieApart()
    {
        (Address Stone, Address Stub)[] stones = [(new(0x1000_0010), new(0x5001)), (new(0x1000_0100), new(0x5002)), (new(0x2000_0020), new(0x5003)), (new(0x3000_001e), new(0x5004))];
        var pages = new StonePages(stones);
        Assert.Equal([(new Address(0x1000_0000), 0), (new Address(0x2000_0000), 0), (new Address(0x3000_0000), 1)], pages.Places);
        Assert.Equal(2 * 4096, pages.Bytes.Length);
        foreach (var (stone, stub) in stones)
        {
            var page = pages.Places.Single(p => p.At == stone.AlignDown(4096)).Page;
            var bytes = pages.Bytes.AsSpan(page * 4096 + (int)(stone.Value % 4096), StoneRoom.StoneBytes).ToArray();
            var jump = Decoder.Create(64, bytes, stone.Value).Decode();
            Assert.True(jump.Code == Iced.Intel.Code.Jmp_rm64 && jump.IsIPRelativeMemoryOperand && jump.SegmentPrefix == Register.DS, $"{jump}");
            Assert.Equal(stub.Value, BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan((int)(jump.IPRelativeMemoryAddress - stone.Value))));
        }
        Assert.Equal(pages.Bytes.Length - stones.Length * StoneRoom.StoneBytes, pages.Bytes.Count(b => b == 0xcc));
    }

    private static AddressRange Pages(ulong start, int count) => new(new Address(start), (ulong)count * 4096);
}
